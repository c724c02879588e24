"""A crash: the forward of a region falls by sixty per cent in steps, under five thousand accounts.

No twin follows it, because nothing here is small. What must hold is said in sums and in the order of events.
"""

from collections import Counter

import numpy as np
import pytest

from exchange import commands
from exchange.sequencer import stamp_order_ids
from exchange.venue.balances import find_imbalance
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Tier
from exchange.venue.state import VenueLimits
from matching.schema import Side
from risk.schema import Standing
from tests.exchange.venue.told import Told, told

pytestmark = pytest.mark.long

NANO_PER_S = 1_000_000_000
START_NS = 1_800_000_000 * NANO_PER_S
ACCOUNTS = 5_000
TRANCHES = 8
REFERENCE_TICKS = 10_000
TICK_VALUE_NANO = 50
MAKER = ACCOUNTS + 1
STEPS = 12
SHARE_LEFT = 0.4
LIMITS = VenueLimits(
    instruments=16, orders=100_000, nodes=20_000, accounts=8_192, positions=100_000, client_ids=1 << 16
)
SHOCK_TICKS = 1_500
FUND_NANO = 2_000_000_000
DEALING_KINDS = (Event.TRADE, Event.AUCTION_TRADE, Event.DELEVERAGED, Event.POSITION_SETTLED)


class Day:
    """A venue, what happened to it, and what must be true after each batch."""

    def __init__(self) -> None:
        self.venue = Venue(LIMITS)
        self.next_sequence = 1
        self.time_ns = START_NS
        self.events: list[np.ndarray] = []
        self.rng = np.random.default_rng(5)

    def send(self, *groups: np.ndarray) -> np.ndarray:
        batch = commands.concatenate(*groups)
        stamp_order_ids(batch, self.next_sequence)
        events = self.venue.apply(batch, self.next_sequence)
        self.next_sequence += len(batch)
        self.events.append(events)
        self.check(events)
        return events

    def tick(self, seconds: int = 1) -> np.ndarray:
        self.time_ns += seconds * NANO_PER_S
        return self.send(commands.tick(self.time_ns))

    def check(self, events: np.ndarray) -> None:
        """Nothing is made or lost, the fund never owes, and who is sound has what it must."""
        ledger = self.venue.state.ledger
        totals, accounts = ledger.totals[0], ledger.accounts
        held_nano = int(accounts["cash_nano"].sum()) + int(totals["fees_nano"]) + int(totals["fund_nano"])
        assert held_nano == totals["deposits_nano"] - totals["withdrawals_nano"]
        assert totals["fund_nano"] >= 0
        closing = accounts["standing"] == Standing.CLOSING
        orders = self.venue.image()["orders"]
        assert not closing[orders["account_id"]].any(), "an account that is closed has orders"

    def rows(self) -> list[Told]:
        return told(np.concatenate(self.events))


def marks(ticks: int) -> list[np.ndarray]:
    """The same mark and shocks for every tranche."""
    shocks = [0, *[SHOCK_TICKS, -SHOCK_TICKS, SHOCK_TICKS // 2, -SHOCK_TICKS // 2, SHOCK_TICKS // 3] * 3]
    return [
        commands.set_parameters(instrument_id, mark_ticks=ticks, shocks_ticks=shocks, spread_ticks=50)
        for instrument_id in range(1, TRANCHES + 1)
    ]


def opened() -> Day:
    """Accounts with cash, tranches, and marks."""
    day = Day()
    day.send(
        commands.tick(START_NS),
        commands.define_region(1, "eu-fra"),
        *(commands.open_account(account_id, f"a{account_id}", 0) for account_id in range(1, MAKER + 1)),
        *(commands.deposit(account_id, 1 << 56) for account_id in range(1, MAKER + 1)),
        commands.define_series(
            1,
            region_id=1,
            tier=Tier.EF,
            first_start_ns=START_NS + 900 * NANO_PER_S,
            duration_s=180,
            gate_lead_s=60,
            horizon_s=900 + 180 * TRANCHES,
            reference_ticks=REFERENCE_TICKS,
            quantity_max_lots=100_000,
            band_bps=9_900,
        ),
    )
    day.tick()
    day.send(*marks(REFERENCE_TICKS))
    return day


def dealt(day: Day) -> None:
    """Everybody holds something in some tranches, half of them long; then they take out all but little."""
    for _ in range(2):
        for instrument_id in range(1, TRANCHES + 1):
            holders = day.rng.permutation(np.arange(1, ACCOUNTS + 1))[: ACCOUNTS // 4]
            lots = day.rng.integers(1, 200, len(holders) // 2)
            groups = []
            for seller, buyer, quantity in zip(holders[::2], holders[1::2], lots, strict=True):
                names = int(seller), int(buyer), int(quantity)
                groups.append(commands.place(names[0], instrument_id, Side.SELL, REFERENCE_TICKS, names[2]))
                groups.append(commands.place(names[1], instrument_id, Side.BUY, REFERENCE_TICKS, names[2]))
            day.send(*groups)
    figures = day.venue.figures_of_all()
    withdrawals = []
    for row in figures[figures["account_id"] < MAKER]:
        required = int(row["margin_nano"])
        kept = required + int(required * day.rng.choice([0.0, 0.05, 0.3, 2.0])) + 1_000
        withdrawals.append(commands.withdraw(int(row["account_id"]), int(row["cash_nano"]) - kept))
    day.send(*withdrawals)


def quoted(day: Day, mark_ticks: int) -> list[np.ndarray]:
    """A few bids of a market maker below the mark, and orders of those who hold something."""
    groups = []
    for instrument_id in range(1, TRANCHES + 1):
        for depth in range(1, 4):
            price = max(mark_ticks - depth * 150, 101)
            groups.append(commands.place(MAKER, instrument_id, Side.BUY, price, 300))
        for account_id in day.rng.integers(1, ACCOUNTS + 1, 20):
            side = Side(int(day.rng.integers(0, 2)))
            price = mark_ticks + (400 if side == Side.SELL else -400)
            groups.append(commands.place(int(account_id), instrument_id, side, max(price, 101), 5))
    return groups


@pytest.fixture(scope="module")
def day() -> Day:
    """The whole day, to the last settlement."""
    day = opened()
    day.send(commands.endow_fund(MAKER, FUND_NANO))
    dealt(day)
    for step in range(1, STEPS + 1):
        mark_ticks = round(REFERENCE_TICKS * (1 - (1 - SHARE_LEFT) * step / STEPS))
        day.send(*quoted(day, mark_ticks + 300))
        day.send(*marks(mark_ticks))
        for _ in range(4):
            day.tick()
    for _ in range(TRANCHES + 8):
        day.tick(180)
    return day


def test_every_balance_is_accounted_for_and_nothing_is_left_open(day):
    image = day.venue.image()
    assert find_imbalance(image) == ""
    held = image["positions"]["instrument_id"] <= TRANCHES
    assert not held.any(), "a position of the day was not settled"


def test_every_step_of_the_waterfall_was_needed(day):
    counts = Counter(Event(kind) for kind in np.concatenate(day.events)["kind"].tolist())
    needed = (Event.STANDING_CHANGED, Event.FORCED_ORDER, Event.FUND_MOVED, Event.DELEVERAGED)
    assert all(counts[kind] > 20 for kind in needed), counts


def test_gains_are_only_touched_when_the_fund_is_used_up(day):
    """Who is deleveraged away from the mark, or goes without a gain, does so because the fund has not one tick more."""
    rows = day.rows()
    marked = {event["sequence"]: event for event in rows if event["kind"] == Event.PARAMETERS_SET}
    fund_nano, mark_ticks = 0, {}
    lots: Counter[tuple[int, int]] = Counter()
    beyond = 0
    for event, following in zip(rows, [*rows[1:], rows[-1]], strict=True):
        kind, instrument_id = event["kind"], event.get("instrument_id", 0)
        if event["sequence"] in marked:  # marks are in force from the beginning of their command
            mark = marked[event["sequence"]]
            mark_ticks[mark["instrument_id"]] = mark["mark_ticks"]
        if kind == Event.SHORTFALL:
            assert event["haircut_nano"] == 0 or event["fund_nano"] == 0
        if kind == Event.DELEVERAGED and event["price_ticks"] != mark_ticks[instrument_id]:
            beyond += 1
            carried_ticks = fund_nano // (abs(lots[event["account_id"], instrument_id]) * TICK_VALUE_NANO)
            given_nano = -following["amount_nano"] if following["kind"] == Event.FUND_MOVED else 0
            assert given_nano == event["quantity_lots"] * carried_ticks * TICK_VALUE_NANO
        if kind in (Event.SHORTFALL, Event.FUND_MOVED, Event.FUND_ENDOWED):
            fund_nano = event["fund_nano"]
        if kind in (Event.TRADE, Event.DELEVERAGED):
            signed = event["quantity_lots"] if event["side"] == Side.BUY else -event["quantity_lots"]
            lots[event["account_id"], instrument_id] += signed
            lots[event["counter_account_id"], instrument_id] -= signed
    assert beyond > 10, "the fund was never used up"


def test_nobody_sound_loses_a_position_but_by_its_own_orders_or_deleveraging_with_a_gain(day):
    lots: Counter[tuple[int, int]] = Counter()
    costs: Counter[tuple[int, int]] = Counter()
    standing: dict[int, int] = {}
    for event in day.rows():
        if event["kind"] == Event.STANDING_CHANGED:
            standing[event["account_id"]] = event["standing"]
        elif event["kind"] == Event.FORCED_ORDER:
            assert standing[event["account_id"]] == Standing.CLOSING, "the venue closed what it need not"
        elif event["kind"] == Event.DELEVERAGED:
            counter = event["counter_account_id"], event["instrument_id"]
            assert standing[event["account_id"]] == Standing.CLOSING
            gained = lots[counter] * event["price_ticks"] * TICK_VALUE_NANO - costs[counter]
            assert gained >= 0, "somebody was deleveraged who had no gain"
            assert abs(lots[counter]) >= event["quantity_lots"]
        if event["kind"] in (Event.TRADE, Event.DELEVERAGED):
            signed = event["quantity_lots"] if event["side"] == Side.BUY else -event["quantity_lots"]
            for name, sign in (("account_id", 1), ("counter_account_id", -1)):
                key = event[name], event["instrument_id"]
                lots[key] += sign * signed
                costs[key] += sign * signed * event["price_ticks"] * TICK_VALUE_NANO


def test_a_flat_account_never_pays(day):
    """Accounts that dealt in nothing have what they deposited, less what they took out."""
    events = np.concatenate(day.events)
    dealing = events[np.isin(events["kind"], list(DEALING_KINDS))]
    dealers = set(dealing["account_id"].tolist()) | set(dealing["counter_account_id"].tolist())
    cash_nano = day.venue.state.ledger.accounts["cash_nano"]
    flat = [account_id for account_id in range(1, ACCOUNTS + 1) if account_id not in dealers]
    moved: Counter[int] = Counter()
    for event in told(events[np.isin(events["kind"], [Event.DEPOSITED, Event.WITHDREW])]):
        moved[event["account_id"]] += event["amount_nano"]
    assert flat
    assert all(cash_nano[account_id] == moved[account_id] for account_id in flat)


def test_a_venue_restored_in_the_middle_of_the_crash_ends_alike():
    day = opened()
    dealt(day)
    day.send(*marks(REFERENCE_TICKS // 2))
    other = Venue.from_image(day.venue.image(), LIMITS)
    for _ in range(5):
        sequence = day.next_sequence
        day.tick()
        other.apply(commands.tick(day.time_ns), sequence)
    assert other.digest() == day.venue.digest()
