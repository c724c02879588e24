"""Mass quotes: both sides of many tranches at once, in the place of what the account has there, all or none."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

from aiohttp import web

from exchange import commands
from exchange.service import Reply
from exchange.units import format_ticks
from exchange.venue.schema import Event, Reject
from exchange.view import MarketView, OrderView
from exchange.view.batches import OrderEvent
from exchange.view.records import OPEN
from gateway.encoding import codec
from gateway.encoding.codec import command_fill_row, fill_of
from gateway.encoding.requests import Role
from gateway.encoding.rows import Row, order_row, reason_name, stamp
from gateway.errors import ApiError
from gateway.gateway import GATEWAY
from gateway.handling import answer, page_of, read_query, signed_by
from gateway.orders.entry import Entry, OrderOperation, at_place, instruments_of, one_reply
from gateway.orders.requests import QuoteEntry, QuoteRequest, QuotesQuery
from matching.schema import OrderFlag, SelfTrade, Side, quote_order_id

SIDES = (("bid", Side.BUY), ("ask", Side.SELL))


async def get_quotes(request: web.Request) -> web.Response:
    """The account's quotes that rest, by tranche in the order of listing, a page at a time."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER, Role.MARKET_MAKER)).account_id
    query = await read_query(request, QuotesQuery)
    view = request.app[GATEWAY].exchange.view
    page, next_cursor = page_of(_resting(view, account_id, query), query.limit, lambda each: each[0].instrument_id)
    rows = [_resting_row(quotes) for quotes in page]
    return answer({"quotes": rows, "next_cursor": next_cursor} | stamp(view))


def quote(view: MarketView, account_id: int, request: QuoteRequest) -> Entry:
    """One command for all entries."""
    for at, entry in enumerate(request.quotes):
        _check_sides(at, entry)
    instrument_ids = instruments_of(view, "quotes", [entry.symbol for entry in request.quotes])
    command = commands.mass_quote(
        account_id,
        [_quote(*each) for each in zip(instrument_ids, request.quotes, strict=True)],
        client_id=request.client_id or "",
        post_only=request.post_only,
        self_trade=SelfTrade[request.self_trade.upper()],
        label=request.label,
        session_id=request.session,
    )
    answer = partial(_quoted, view, account_id, request.quotes, instrument_ids)
    return Entry([command], one_reply(lambda reply: at_place("quotes", instrument_ids, reply, answer)))


QUOTE = OrderOperation(QuoteRequest, quote, (Role.MARKET_MAKER,))


def _check_sides(at: int, entry: QuoteEntry) -> None:
    for name, _ in SIDES:
        price, lots = getattr(entry, f"{name}_price"), getattr(entry, f"{name}_quantity")
        if (price is None) != (lots is None):
            missing = "price" if price is None else "quantity"
            param = f"quotes[{at}].{name}_{missing}"
            message = f"{param}: a side has a price and a quantity, or neither where there shall be none"
            raise ApiError(Reject.INVALID_ORDER_TERMS, message, param)


def _quote(instrument_id: int, entry: QuoteEntry) -> commands.Quote:
    bid, ask = (entry.bid_price or 0, entry.bid_quantity or 0), (entry.ask_price or 0, entry.ask_quantity or 0)
    return commands.Quote(instrument_id, *bid, *ask)


def _quoted(
    view: MarketView, account_id: int, entries: Sequence[QuoteEntry], instrument_ids: Sequence[int], reply: Reply
) -> Row:
    """What became of each side. Raises ApiError when all are refused."""
    happened = codec.told(reply)
    tell = _SideTeller(view, reply, is_repeated="repeated" in happened)
    rows: list[Row] = []
    for instrument_id, entry in zip(instrument_ids, entries, strict=True):
        row: Row = {"symbol": entry.symbol}
        for name, side in SIDES:
            terms = getattr(entry, f"{name}_price"), getattr(entry, f"{name}_quantity")
            row[name] = tell.side(quote_order_id(account_id, instrument_id, side), *terms)
        rows.append(row)
    return {"quotes": rows} | happened


class _SideTeller:
    """Says of each quote what the command did to it; in a repeated answer, how it stands now."""

    def __init__(self, view: MarketView, reply: Reply, *, is_repeated: bool) -> None:
        self._view = view
        self._is_repeated = is_repeated
        self._events: defaultdict[int, list[OrderEvent]] = defaultdict(list)
        for event in map(OrderEvent._make, reply.rows):
            self._events[event.order_id].append(event)

    def side(self, order_id: int, price_ticks: int | None, lots: int | None) -> Row | None:
        """One side, or None when there was none and shall be none."""
        if self._is_repeated:
            return self._as_it_is(self._view.order(order_id))
        events = self._events[order_id]
        trades = [event for event in events if event.kind == Event.TRADE]
        ends = [event for event in events if event.kind in codec.STATUS_OF_OUTCOME]
        if not ends and not lots:
            return None
        status, reason, left = "open", 0, lots or 0  # a quote of which nothing is told keeps its place
        if ends:
            last = ends[-1]
            status, reason, left = codec.STATUS_OF_OUTCOME[last.kind], last.reason, last.leaves_lots
            price_ticks = last.price_ticks
        fills = [fill_of(self._view, f"{trade.sequence}-{trade.index}", trade) for trade in trades]
        return _side_row(order_id, status, reason, price_ticks, left) | {
            "trades": [command_fill_row(fill) for fill in fills]
        }

    def _as_it_is(self, order: OrderView | None) -> Row | None:
        if order is None:
            return None
        row = _side_row(order.order_id, order.status, order.reason, order.price_ticks, order.leaves_lots)
        return row | {"trades": None}


def _side_row(order_id: int, status: str, reason: int, price_ticks: int | None, lots: int) -> Row:
    is_open = status == OPEN
    return {
        "order_id": order_id,
        "status": status,
        "reason": None if is_open else reason_name(reason, is_rejected=False),
        "price": format_ticks(price_ticks or 0),
        "remaining_quantity": str(lots if is_open else 0),
    }


def _resting(view: MarketView, account_id: int, query: QuotesQuery) -> Iterator[list[OrderView]]:
    """Own quotes by tranche, one side or both."""
    by_tranche: defaultdict[int, list[OrderView]] = defaultdict(list)
    for order in view.open_orders(account_id):
        is_asked_for = order.instrument_id > query.cursor and query.symbol in (None, order.symbol)
        if order.flags & OrderFlag.QUOTE and is_asked_for:
            by_tranche[order.instrument_id].append(order)
    return (by_tranche[instrument_id] for instrument_id in sorted(by_tranche))


def _resting_row(quotes: Sequence[OrderView]) -> Row:
    row: Row = {"symbol": quotes[0].symbol}
    for name, side in SIDES:
        row[name] = next((order_row(order) for order in quotes if order.side == side), None)
    return row
