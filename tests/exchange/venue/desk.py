"""A venue for the tests of what risk staff do, and slow, obvious answers of what it must do, from its image alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from exchange import commands
from exchange.sequencer import stamp_order_ids
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Reject
from exchange.venue.state import VenueLimits
from matching.check import check_book
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, NANO_PER_S, START_NS, define_series, opening
from tests.exchange.venue.told import Told, told

LIMITS = VenueLimits(instruments=8, orders=200, nodes=400, accounts=8, positions=64, client_ids=64)
HORIZON_S = 600
OTHER_REGION = 2
RICHES_NANO = 90_000_000


class Desk:
    """A market of two regions, where every batch also goes to a venue whose buffer holds a single step."""

    def __init__(self, limits: VenueLimits = LIMITS, **series: Any) -> None:
        self.venue, self.narrow = Venue(limits), Venue(limits, event_capacity=4)
        self.next_sequence = 1
        self.time_ns = START_NS
        self.send(
            *opening(**series), *(commands.deposit(account_id, RICHES_NANO) for account_id in (ALICE, BOB, CAROL))
        )
        self.tick(1)
        self.send(commands.define_region(OTHER_REGION, "us-nyc"))
        self.send(define_series(2, region_id=OTHER_REGION, **series))
        self.tick(1)

    def send(self, *groups: np.ndarray) -> list[list[Told]]:
        """One batch; returns the events of each command, which are the same from both venues."""
        batch = commands.concatenate(*groups)
        stamp_order_ids(batch, self.next_sequence)
        events = self.venue.apply(batch, self.next_sequence)
        assert events.tobytes() == self.narrow.apply(batch, self.next_sequence).tobytes()
        self.next_sequence += len(batch)
        rows = told(events)
        for sequence in {row["sequence"] for row in rows}:
            of_command = [row["index"] for row in rows if row["sequence"] == sequence]
            assert of_command == list(range(len(of_command)))
        return [[row for row in rows if row["sequence"] == sequence] for sequence in events_in_order(rows)]

    def ask(self, group: np.ndarray) -> Told:
        """One command; returns its outcome."""
        return self.send(group)[0][-1]

    def place(self, account_id: int, side: int, price_ticks: int, lots: int, **terms: Any) -> Told:
        """An order in the first tranche, or in the `instrument_id` among the terms; returns its outcome."""
        return self.ask(commands.place(account_id, terms.pop("instrument_id", 1), side, price_ticks, lots, **terms))

    def tick(self, seconds: float) -> list[Told]:
        """Time passes; returns what it brought, without the TICKED."""
        self.time_ns += int(seconds * NANO_PER_S)
        return self.send(commands.tick(self.time_ns))[0][:-1]

    def check(self) -> None:
        """The books are whole, what is counted is what there is, and an image holds all of it."""
        check_book(self.venue.state.book)
        image, ledger = self.venue.image(), self.venue.state.ledger
        restored = Venue.from_image(image, self.venue.limits)
        assert restored.digest() == self.venue.digest() == self.narrow.digest()
        for account_id in image["accounts"]["account_id"].tolist():
            account = ledger.accounts[account_id]
            counted = count_orders(image, account_id) if account["has_limits"] else 0
            for of in (ledger, restored.state.ledger):
                assert of.limits[account_id]["open_orders"] == counted
                assert of.accounts[account_id]["has_limits"] == account["has_limits"]
                assert of.accounts[account_id]["is_protected"] == account["is_protected"]
                for region_id in (1, OTHER_REGION):
                    assert region_lots_kept(of, account_id, region_id) == region_lots(image, account_id, region_id)

    def go_on_alike(self) -> None:
        """From here on, the other venue is one that was restored from the image."""
        self.narrow = Venue(
            self.venue.limits, event_capacity=4, state=Venue.from_image(self.venue.image(), self.venue.limits).state
        )


def events_in_order(rows: list[Told]) -> list[int]:
    return list(dict.fromkeys(row["sequence"] for row in rows))


def instrument_of(desk: Desk, region_id: int, place: int = 0) -> int:
    """One of the tranches of a region, in the order of ids."""
    tranches = desk.venue.image()["tranches"]
    return sorted(tranches["instrument_id"][tranches["region_id"] == region_id].tolist())[place]


def resting(desk: Desk, account_id: int) -> list[int]:
    """The ids of an account's resting orders, in ascending order."""
    orders = desk.venue.image()["orders"]
    return sorted(orders["order_id"][orders["account_id"] == account_id].tolist())


def reason_of(outcome: Told) -> Reject:
    """Why a command was refused; NONE if it was not."""
    return Reject(outcome["reason"]) if outcome["kind"] == Event.REJECTED else Reject.NONE


# From an image alone.


def count_orders(image: Mapping[str, np.ndarray], account_id: int) -> int:
    return int((image["orders"]["account_id"] == account_id).sum())


def exposure(image: Mapping[str, np.ndarray], account_id: int, instrument_id: int) -> tuple[int, int, int]:
    """What an account holds of an instrument, and what it has open to buy and to sell."""
    held = buys = sells = 0
    for row in image["positions"]:
        if (row["account_id"], row["instrument_id"]) == (account_id, instrument_id):
            held += int(row["lots"])
    for row in image["orders"]:
        if (row["account_id"], row["instrument_id"]) == (account_id, instrument_id):
            buys += int(row["leaves_lots"]) if row["side"] == BUY else 0
            sells += 0 if row["side"] == BUY else int(row["leaves_lots"])
    return held, buys, sells


def region_lots(image: Mapping[str, np.ndarray], account_id: int, region_id: int) -> int:
    total = 0
    for tranche in image["tranches"]:
        if tranche["region_id"] == region_id:
            held, buys, sells = exposure(image, account_id, int(tranche["instrument_id"]))
            total += max(abs(held + buys), abs(held - sells))
    return total


def region_lots_kept(ledger: Any, account_id: int, region_id: int) -> int:
    """The same as the ledger keeps it, by a look at every class."""
    rows = ledger.classes[(ledger.classes["account_id"] == account_id) & (ledger.classes["region_id"] == region_id)]
    return int(rows["worst_lots"][rows["position_count"] > 0].sum())
