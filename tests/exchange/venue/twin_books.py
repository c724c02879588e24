"""What the venue's twin makes of the events of matching: orders, positions, fees, auctions."""

from collections import defaultdict

from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Event, Reason
from exchange.venue.state import VenueLimits
from matching.schema import OrderFlag, Side
from tests.exchange.venue.told import Told
from tests.exchange.venue.twin_final_price import Print, party
from tests.exchange.venue.twin_parts import Account, Order, Position, Terms, Tranche, Uncrossing


class TwinBooks:
    """Orders, accounts and tranches by their ids; each `on_…` takes in one kind of event."""

    def __init__(self, limits: VenueLimits) -> None:
        self.limits = limits
        self.is_halted = False
        self.trades = 0
        self.accounts: dict[int, Account] = {}
        self.orders: dict[int, Order] = {}
        self.tranches: dict[int, Tranche] = {}
        self.terms: dict[int, Terms] = {}
        """Of every order that was ever taken, by its id."""
        self.taken_lots: defaultdict[int, int] = defaultdict(int)
        """What incoming orders took from others within this command."""
        self.owes_clip: int | None = None
        """The iceberg whose clip was used up by the last event."""
        self.excused: set[int] = set()
        """Accounts that this command may leave with less than they must have."""

    # Orders.

    def on_rested(self, event: Told) -> None:
        assert event["order_id"] not in self.orders
        terms = self.terms[event["order_id"]]
        order = Order(
            *(event[name] for name in ("account_id", "instrument_id", "side", "price_ticks", "leaves_lots")),
            event["quantity_lots"],
            terms,
        )
        assert order.visible_lots == min(terms.display_lots or order.leaves_lots, order.leaves_lots)
        self.orders[event["order_id"]] = order

    on_replaced = on_rested

    def on_cancelled(self, event: Told) -> None:
        order = self.orders.pop(event["order_id"])
        assert (order.account_id, order.side, order.price_ticks) == (
            *(event[name] for name in ("account_id", "side", "price_ticks")),
        )
        assert order.leaves_lots == order.visible_lots == event["quantity_lots"], "a cancel released another quantity"
        assert event["leaves_lots"] == 0

    on_withdrawn = on_cancelled

    def on_reduced(self, event: Told) -> None:
        order = self.orders[event["order_id"]]
        order.leaves_lots -= event["quantity_lots"]
        order.visible_lots -= event["quantity_lots"]
        assert order.leaves_lots == event["leaves_lots"] >= order.visible_lots > 0

    def on_reserve_removed(self, event: Told) -> None:
        order = self.orders[event["order_id"]]
        if event["reason"] == Reason.NONE:
            self.allot(event)
        order.leaves_lots -= event["quantity_lots"]
        assert event["quantity_lots"] > 0
        assert order.leaves_lots == event["leaves_lots"] >= order.visible_lots > 0

    def on_refreshed(self, event: Told) -> None:
        order = self.orders[event["order_id"]]
        assert self.owes_clip == event["order_id"], "a clip came that nobody waited for"
        self.owes_clip = None
        assert event["quantity_lots"] == min(order.terms.display_lots, order.leaves_lots)
        assert (event["leaves_lots"], event["price_ticks"]) == (order.leaves_lots, order.price_ticks)
        order.visible_lots = event["quantity_lots"]

    def on_trimmed(self, event: Told) -> None:
        """An incoming reduce-only order becomes as large as what the account's other orders leave of the position."""
        assert self.terms[event["order_id"]].flags & OrderFlag.REDUCE_ONLY
        lots = self.reducible_lots(event["account_id"], event["instrument_id"], event["side"])
        assert event["leaves_lots"] == lots
        assert event["quantity_lots"] > 0

    # Trades.

    def on_trade(self, event: Told) -> None:
        assert not self.is_halted, "something traded while the market was halted"
        assert self.tranches[event["instrument_id"]].state == LifeState.OPEN
        self.taken_lots[event["order_id"]] += event["quantity_lots"]
        self.take_from_maker(event)
        self.settle_trade(event)

    def on_prevented(self, event: Told) -> None:
        self.take_from_maker(event)

    def take_from_maker(self, event: Told) -> None:
        maker = self.orders[event["counter_order_id"]]
        assert (maker.account_id, maker.price_ticks) == (event["counter_account_id"], event["price_ticks"])
        maker.leaves_lots -= event["quantity_lots"]
        maker.visible_lots -= event["quantity_lots"]
        assert maker.visible_lots >= 0, "more was taken than was shown"
        if maker.leaves_lots == 0:
            del self.orders[event["counter_order_id"]]
        elif maker.visible_lots == 0:
            self.owes_clip = event["counter_order_id"]

    def settle_trade(self, event: Told) -> None:
        """Both positions; an order that only reduces leaves its account with no more than it had, either way."""
        self.trades += 1
        tranche = self.tranches[event["instrument_id"]]
        parties = tuple(self.party_of(event[name]) for name in ("account_id", "counter_account_id"))
        is_forced = 1 in (event["order_id"] >> 51, event["counter_order_id"] >> 51)
        if not is_forced and parties[0] != parties[1]:
            tranche.prints.append(Print(event["price_ticks"], event["quantity_lots"], parties))
        tranche.traded_lots += event["quantity_lots"]
        pairs = [("order_id", "account_id"), ("counter_order_id", "counter_account_id")]
        reducing = [event[account] for order, account in pairs if self.is_reduce_only(event[order])]
        before = {account_id: abs(self.position_lots(account_id, tranche)) for account_id in reducing}
        lots = event["quantity_lots"] if event["side"] == Side.BUY else -event["quantity_lots"]
        maker_ppm, taker_ppm = tranche.fees_ppm
        if event["kind"] == Event.AUCTION_TRADE:
            maker_ppm = taker_ppm = max(maker_ppm, 0)
        self.fill(tranche, event["account_id"], lots, event["price_ticks"], taker_ppm)
        self.fill(tranche, event["counter_account_id"], -lots, event["price_ticks"], maker_ppm)
        for account_id, lots_before in before.items():
            assert abs(self.position_lots(account_id, tranche)) <= lots_before, "a reduce-only order grew a position"

    def fill(self, tranche: Tranche, account_id: int, lots: int, price_ticks: int, fee_ppm: int) -> None:
        position = tranche.positions.setdefault(account_id, Position())
        position.lots += lots
        position.cost_nano += lots * price_ticks * tranche.tick_value_nano
        account = self.accounts[account_id]
        fee_nano = abs(lots) * -(-price_ticks * tranche.tick_value_nano * fee_ppm // 1_000_000)
        account.cash_nano -= fee_nano
        account.fees_nano += fee_nano

    # Auctions.

    def on_allotted(self, event: Told) -> None:
        order = self.orders[event["order_id"]]
        self.allot(event)
        order.leaves_lots -= event["quantity_lots"]
        order.visible_lots -= event["quantity_lots"]
        assert order.leaves_lots == order.visible_lots == event["leaves_lots"], "the reserve goes first"
        assert event["quantity_lots"] > 0
        if order.leaves_lots == 0:
            del self.orders[event["order_id"]]

    def allot(self, event: Told) -> None:
        order = self.orders[event["order_id"]]
        assert (order.account_id, order.price_ticks) == (event["account_id"], event["price_ticks"])
        uncrossing = self.uncrossing_of(event["instrument_id"])
        uncrossing.limits[event["order_id"]] = order.price_ticks
        uncrossing.allotted.setdefault(event["order_id"], 0)
        uncrossing.allotted[event["order_id"]] += event["quantity_lots"]

    def on_auction_trade(self, event: Told) -> None:
        """A buyer and a seller."""
        uncrossing = self.uncrossing_of(event["instrument_id"])
        assert (event["side"], event["price_ticks"]) == (Side.BUY, uncrossing.price_ticks)
        buy_ticks, sell_ticks = (uncrossing.limits[event[name]] for name in ("order_id", "counter_order_id"))
        assert sell_ticks <= event["price_ticks"] <= buy_ticks, "an auction went past a limit"
        for name in ("order_id", "counter_order_id"):
            uncrossing.allotted[event[name]] -= event["quantity_lots"]
            assert uncrossing.allotted[event[name]] >= 0, "more traded than was allotted"
        uncrossing.traded_lots += event["quantity_lots"]
        self.settle_trade(event)

    def on_uncrossed(self, event: Told) -> None:
        assert not self.is_halted, "an auction was uncrossed while the market was halted"
        uncrossing = self.uncrossing_of(event["instrument_id"])
        tranche = self.tranches[event["instrument_id"]]
        found = tuple(event[name] for name in ("price_ticks", "quantity_lots", "leaves_lots"))
        assert found == (uncrossing.price_ticks, uncrossing.volume_lots, uncrossing.imbalance_lots)
        assert uncrossing.traded_lots == uncrossing.volume_lots, "an auction traded another volume"
        assert not any(uncrossing.allotted.values()), "lots were allotted that did not trade"
        assert tranche.is_in_auction
        assert not tranche.was_uncrossed
        assert self.call_price(event["instrument_id"])[1] == 0, "an auction left the book crossed"
        tranche.uncrossing, tranche.was_uncrossed = None, True

    def uncrossing_of(self, instrument_id: int) -> Uncrossing:
        """How the auction should end, as of its first event."""
        tranche = self.tranches[instrument_id]
        if tranche.uncrossing is None:
            tranche.uncrossing = Uncrossing(*self.call_price(instrument_id))
            tranche.prints_before = len(tranche.prints)
        return tranche.uncrossing

    def call_price(self, instrument_id: int) -> tuple[int, int, int]:
        """The price of an auction now, what it would trade, and what more there is to buy: every price is tried."""
        tranche = self.tranches[instrument_id]
        sides: tuple[list[Order], list[Order]] = ([], [])
        for order in self.orders.values():
            if order.instrument_id == instrument_id:
                sides[order.side].append(order)
        bids, asks = sides
        if not bids or not asks:
            return 0, 0, 0
        prices = range(
            min(order.price_ticks for order in asks),
            max(order.price_ticks for order in bids) + 1,
            tranche.price_step_ticks,
        )
        ranked = []
        for price_ticks in prices:
            demand_lots = sum(order.leaves_lots for order in bids if order.price_ticks >= price_ticks)
            supply_lots = sum(order.leaves_lots for order in asks if order.price_ticks <= price_ticks)
            imbalance_lots = demand_lots - supply_lots
            volume_lots = min(demand_lots, supply_lots)
            distance_ticks = abs(price_ticks - tranche.reference_ticks)
            preference = -price_ticks if imbalance_lots > 0 else price_ticks
            rank = -volume_lots, abs(imbalance_lots), distance_ticks, preference
            ranked.append((rank, (price_ticks, volume_lots, imbalance_lots)))
        return min(ranked)[1] if ranked else (0, 0, 0)

    # What it comes to.

    def party_of(self, account_id: int) -> int:
        return party(account_id, self.accounts[account_id].group)

    def is_reduce_only(self, order_id: int) -> bool:
        return bool(self.terms[order_id].flags & OrderFlag.REDUCE_ONLY)

    def position_lots(self, account_id: int, tranche: Tranche) -> int:
        return tranche.positions.get(account_id, Position()).lots

    def closing_lots(self, account_id: int, instrument_id: int, side: int) -> int:
        """How much of its position an account could close on a side."""
        tranche = self.tranches.get(instrument_id)
        lots = self.position_lots(account_id, tranche) if tranche else 0
        return max(lots if side == Side.SELL else -lots, 0)

    def reducible_lots(self, account_id: int, instrument_id: int, side: int, without_id: int = 0) -> int:
        """What of that no resting order of the account could close already."""
        closing_lots = self.closing_lots(account_id, instrument_id, side)
        return max(closing_lots - self.resting_lots(account_id, instrument_id, side, without_id), 0)

    def resting_lots(self, account_id: int, instrument_id: int, side: int, without_id: int = 0) -> int:
        subject = account_id, instrument_id, side
        return sum(
            order.leaves_lots
            for order_id, order in self.orders.items()
            if (order.account_id, order.instrument_id, order.side) == subject and order_id != without_id
        )

    def has_reduce_only(self, account_id: int, instrument_id: int, side: int) -> bool:
        subject = account_id, instrument_id, side
        return any(
            (order.account_id, order.instrument_id, order.side) == subject and self.is_reduce_only(order_id)
            for order_id, order in self.orders.items()
        )

    def check_reduce_only(self) -> None:
        """Where a reduce-only order rests, all that its account has on that side would close a position, no more."""
        for order in self.orders.values():
            if order.terms.flags & OrderFlag.REDUCE_ONLY:
                subject = order.account_id, order.instrument_id, order.side
                assert self.resting_lots(*subject) <= self.closing_lots(*subject), "a reduce-only order may open"
