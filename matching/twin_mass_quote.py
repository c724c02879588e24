"""Mass quotes in the twin of the book: both sides of many instruments at once, all of them or none."""

from types import SimpleNamespace
from typing import NamedTuple

from matching.schema import (
    QUOTES_MAX,
    EventKind,
    OrderFlag,
    OrderReason,
    OrderReject,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
    quote_order_id,
)
from matching.twin_matching import work
from matching.twin_rules import Instrument, Order, check_band, check_phase, check_price, check_quantity, reaches
from matching.twin_state import Refusal, TwinState

BOTH_SIDES = (Side.BUY, Side.SELL)


class Wish(NamedTuple):
    """What an account wants to rest on one side of an instrument; without lots, nothing."""

    account_id: int
    instrument_id: int
    side: Side
    price_ticks: int
    lots: int

    @property
    def order_id(self) -> int:
        """The id of the quote that this is about."""
        return quote_order_id(self.account_id, self.instrument_id, self.side)


def mass_quote(book: TwinState, head: SimpleNamespace, quotes: list[SimpleNamespace]) -> None:
    """Let an account's quotes become what the command says, instrument by instrument."""
    entries = [wishes_of(head.account_id, quote) for quote in quotes]
    refusal = check_head(head, quotes) or check_entries(book, head, entries) or check_room(book, entries)
    if refusal:
        return book.refuse(head.account_id, refusal)
    for entry in entries:
        quote_instrument(book, head, entry)
    wishes = [wish for entry in entries for wish in entry if wish.lots > 0]
    resting = [order for wish in wishes if (order := quote_at_rest(book, wish))]
    return book.summarise(
        EventKind.MASS_QUOTED, head.account_id, len(resting), sum(order.leaves_lots for order in resting)
    )


def wishes_of(account_id: int, quote: SimpleNamespace) -> tuple[Wish, Wish]:
    """The bid and the ask of one entry."""
    return (
        Wish(account_id, quote.instrument_id, Side.BUY, quote.bid_ticks, quote.bid_lots),
        Wish(account_id, quote.instrument_id, Side.SELL, quote.ask_ticks, quote.ask_lots),
    )


def quote_at_rest(book: TwinState, wish: Wish) -> Order | None:
    """The account's quote that rests on this side of this instrument now."""
    order = book.resting.get(wish.order_id)
    return order if order and is_quote(order, wish) else None


def is_quote(order: Order, wish: Wish) -> bool:
    """Whether an order came by a mass quote of this account for this side of this instrument."""
    theirs = (order.account_id, order.instrument_id, order.side)
    return bool(order.flags & OrderFlag.QUOTE) and theirs == (wish.account_id, wish.instrument_id, wish.side)


def check_head(head: SimpleNamespace, quotes: list[SimpleNamespace]) -> Refusal | None:
    """What holds for all entries must be known, and there must be some."""
    broken = (
        head.flags not in (0, OrderFlag.POST_ONLY),
        head.self_trade not in set(SelfTrade),
        not 1 <= len(quotes) <= QUOTES_MAX,
    )
    return Refusal(OrderReject.INVALID_ORDER_TERMS) if any(broken) else None


def check_entries(book: TwinState, head: SimpleNamespace, entries: list[tuple[Wish, Wish]]) -> Refusal | None:
    """The first rule that an entry breaks; only its instrument is repeated."""
    seen: set[int] = set()
    for entry in entries:
        instrument_id = entry[Side.BUY].instrument_id
        reject = check_entry(book, head, entry, seen)
        if reject:
            return Refusal(reject, instrument_id)
        seen.add(instrument_id)
    return None


def check_entry(book: TwinState, head: SimpleNamespace, entry: tuple[Wish, Wish], seen: set[int]) -> OrderReject | None:
    """The first rule that one entry breaks, with the instruments of those before it."""
    bid, ask = entry
    instrument = book.instruments.get(bid.instrument_id)
    if instrument is None:
        return OrderReject.UNKNOWN_INSTRUMENT
    if bid.instrument_id in seen:
        return OrderReject.DUPLICATE_INSTRUMENT
    return (
        check_instrument(head, instrument)
        or check_form(entry)
        or check_side(instrument, bid)
        or check_side(instrument, ask)
        or check_against_others(book, head, entry)
    )


def check_against_others(book: TwinState, head: SimpleNamespace, entry: tuple[Wish, Wish]) -> OrderReject | None:
    """The two sides of an entry must go together, and with what rests."""
    bid, ask = entry
    if bid.lots and ask.lots and bid.price_ticks >= ask.price_ticks:
        return OrderReject.QUOTE_CROSSED
    if any(wish.order_id in book.resting and not quote_at_rest(book, wish) for wish in entry):
        return OrderReject.DUPLICATE_ORDER_ID
    instrument = book.instruments[bid.instrument_id]
    if head.flags & OrderFlag.POST_ONLY and any(would_trade(instrument, wish) for wish in entry):
        return OrderReject.POST_ONLY_WOULD_TRADE
    return None


def check_instrument(head: SimpleNamespace, instrument: Instrument) -> OrderReject | None:
    """An auction takes quotes too, unless they are told not to trade."""
    in_auction = instrument.phase == Phase.AUCTION
    if in_auction and head.flags & OrderFlag.POST_ONLY:
        return OrderReject.NOT_IN_AUCTION
    return check_phase(instrument)


def check_form(entry: tuple[Wish, Wish]) -> OrderReject | None:
    """No side has less than nothing, and one without lots has no price."""
    broken = any(wish.lots < 0 or (wish.lots == 0 and wish.price_ticks != 0) for wish in entry)
    return OrderReject.INVALID_ORDER_TERMS if broken else None


def check_side(instrument: Instrument, wish: Wish) -> OrderReject | None:
    """A side with lots obeys the rules of any order."""
    if wish.lots == 0:
        return None
    return (
        check_price(instrument, wish.price_ticks)
        or check_quantity(instrument, wish.lots)
        or check_band(instrument, wish.side, wish.price_ticks)
    )


def would_trade(instrument: Instrument, wish: Wish) -> bool:
    """Whether a side reaches anything else than the quote of the same account on the other side."""
    own_counterpart = wish._replace(side=Side(1 - wish.side))
    others = [order for order in instrument.orders(1 - wish.side) if not is_quote(order, own_counterpart)]
    return wish.lots > 0 and bool(others) and reaches(wish.side, wish.price_ticks, others[0].price_ticks)


def check_room(book: TwinState, entries: list[tuple[Wish, Wish]]) -> Refusal | None:
    """Room for every quote that does not rest now."""
    wishes = [wish for entry in entries for wish in entry]
    new_orders = sum(1 for wish in wishes if wish.lots > 0 and not quote_at_rest(book, wish))
    is_full = len(book.resting) + new_orders > book.order_capacity
    return Refusal(OrderReject.TOO_MANY_ORDERS) if is_full else None


def quote_instrument(book: TwinState, head: SimpleNamespace, entry: tuple[Wish, Wish]) -> None:
    """First what rests makes way, bid and ask; then what is new is worked, bid and ask."""
    new_orders = []
    for wish in entry:
        resting = quote_at_rest(book, wish)
        if resting and keeps_its_place(resting, wish):
            keep(book, head, resting, wish.lots)
            continue
        if resting:
            kind = EventKind.WITHDRAWN if wish.lots else EventKind.CANCELLED
            book.leave(resting, OrderReason.REQUESTED, kind)
        if wish.lots:
            new_orders.append((quote_order(head, wish), EventKind.REPLACED if resting else EventKind.RESTED))
    for order, kind_at_rest in new_orders:
        work(book, order, kind_at_rest)


def keeps_its_place(resting: Order, wish: Wish) -> bool:
    """Whether a quote only becomes smaller, or stays as it is."""
    return resting.price_ticks == wish.price_ticks and resting.leaves_lots >= wish.lots > 0


def keep(book: TwinState, head: SimpleNamespace, resting: Order, lots: int) -> None:
    """Shorten a quote in its place, and let it belong to this command."""
    if resting.leaves_lots > lots:
        book.reduce(resting, resting.leaves_lots - lots, OrderReason.REQUESTED)
    for name, value in terms_of(head).items():
        setattr(resting, name, value)


def quote_order(head: SimpleNamespace, wish: Wish) -> Order:
    """The order that one side of an entry brings."""
    return Order(
        order_id=wish.order_id,
        account_id=wish.account_id,
        instrument_id=wish.instrument_id,
        side=wish.side,
        price_ticks=wish.price_ticks,
        quantity_lots=wish.lots,
        leaves_lots=wish.lots,
        time_in_force=TimeInForce.GTC,
        expires_ns=0,
        **terms_of(head),
    )


def terms_of(head: SimpleNamespace) -> dict[str, int]:
    """What a mass quote says of all its quotes."""
    return {
        "flags": head.flags | OrderFlag.QUOTE,
        "self_trade": head.self_trade,
        "client_id_high": head.client_id_high,
        "client_id_low": head.client_id_low,
        "label": head.label,
        "session_id": head.session_id,
    }
