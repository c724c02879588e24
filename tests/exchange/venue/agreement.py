"""Whether the state of a venue is what its twin made of the events."""

from collections.abc import Mapping

import numpy as np

from exchange.venue.agenda import CANCEL_AFTER_DUE, FINANCING_DUE, INDICATIVE_DUE, REVIEW_DUE, SERIES_DUE, TRANCHE_DUE
from exchange.venue.image import take_image
from exchange.venue.machine import Venue
from tests.exchange.venue.twin import VenueTwin
from tests.exchange.venue.twin_cancel_after import ALL_ORDERS
from tests.exchange.venue.twin_final_price import KEPT, Print
from tests.exchange.venue.twin_margin import Figures, Strain
from tests.exchange.venue.twin_parts import Order, Terms


def check_agreement(twin: VenueTwin, venue: Venue) -> None:
    """Compare with the state."""
    image = take_image(venue.state)
    check_sums(twin)
    check_summary(twin, image["summary"][0])
    names = ("group", "cash_nano", "fees_nano", "add_on_nano", "review_ns", "standing")
    assert image["accounts"][["account_id", *names]].tolist() == [
        (account_id, *(getattr(account, name) for name in names))
        for account_id, account in sorted(twin.accounts.items())
    ]
    check_figures(twin, venue)
    check_orders(twin, image["orders"])
    check_tranches(twin, image["tranches"])
    check_prints(twin, image)
    check_positions(twin, image["positions"])
    check_leverage(twin, image)
    check_clients(twin, image["clients"])
    check_cancel_timers(twin, image["cancel_timers"])
    check_agenda(twin, venue)


def check_sums(twin: VenueTwin) -> None:
    """Nothing is made and nothing lost."""
    cash_nano = sum(account.cash_nano for account in twin.accounts.values())
    fees_nano = sum(account.fees_nano for account in twin.accounts.values())
    assert cash_nano + fees_nano + twin.fund_nano == twin.deposits_nano - twin.withdrawals_nano
    assert fees_nano >= 0, "a rebate was paid from nothing"
    for tranche in twin.tranches.values():
        assert sum(position.lots for position in tranche.positions.values()) == 0
        assert sum(position.cost_nano for position in tranche.positions.values()) == 0


def check_summary(twin: VenueTwin, summary: np.void) -> None:
    assert summary["time_ns"] == twin.time_ns
    assert summary["commands"] == twin.commands
    assert summary["trades"] == twin.trades
    assert summary["deposits_nano"] == twin.deposits_nano
    assert summary["withdrawals_nano"] == twin.withdrawals_nano
    assert summary["fees_nano"] == sum(account.fees_nano for account in twin.accounts.values())
    assert summary["fund_nano"] == twin.fund_nano
    assert summary["forced_orders"] == twin.forced_orders
    assert summary["region_count"] == twin.regions
    assert summary["series_count"] == len(twin.series)
    assert summary["is_halted"] == twin.is_halted
    assert summary["next_instrument_id"] > twin.highest_instrument_id


def check_figures(twin: VenueTwin, venue: Venue) -> None:
    """What the venue keeps step by step is what comes of working it out anew."""
    names = ("account_id", *Figures._fields)
    assert [tuple(int(row[name]) for name in names) for row in venue.figures_of_all()] == [
        (account_id, *twin.figures(account_id)) for account_id in sorted(twin.accounts)
    ]
    totals = venue.state.ledger.totals[0]
    assert totals["fees_nano"] == sum(account.fees_nano for account in twin.accounts.values())
    pairs = {(order.account_id, order.instrument_id) for order in twin.orders.values()}
    pairs |= {(owner, each_id) for each_id, tranche in twin.tranches.items() for owner in tranche.positions}
    assert totals["live_positions"] == len(pairs)
    assert totals["live_classes"] == len({(owner, twin.tranches[each_id].scope[0]) for owner, each_id in pairs})


def check_orders(twin: VenueTwin, rows: np.ndarray) -> None:
    names = ("account_id", "instrument_id", "side", "price_ticks", "leaves_lots", "visible_lots")
    terms = ("flags", "display_lots", "expires_ns", "label", "session_id")
    assert {
        int(row["order_id"]): Order(
            *(int(row[name]) for name in names), terms=Terms(*(int(row[name]) for name in terms))
        )
        for row in rows
    } == twin.orders


def check_tranches(twin: VenueTwin, rows: np.ndarray) -> None:
    names = ("start_ns", "end_ns", "gate_ns", "tick_value_nano", "reference_ticks", "state", "final_ticks")
    names = (*names, "traded_lots", "was_held", "auction_end_ns", "indicative_due_ns")
    told = ("indicative_ticks", "indicative_lots")
    assert {
        int(row["instrument_id"]): (*(int(row[name]) for name in names), tuple(int(row[name]) for name in told))
        for row in rows
    } == {
        instrument_id: (*(int(getattr(tranche, name)) for name in names), tranche.indicative)
        for instrument_id, tranche in twin.tranches.items()
    }


def check_prints(twin: VenueTwin, image: Mapping[str, np.ndarray]) -> None:
    """Of each tranche the last few, in the order of time."""
    found: dict[int, list[Print]] = {instrument_id: [] for instrument_id in twin.tranches}
    for row in image["prints"].tolist():
        lots, instrument_id, account_id, counter_id, price_ticks = row
        parties = twin.party_of(account_id), twin.party_of(counter_id)
        found[instrument_id].append(Print(price_ticks, lots, parties))
    assert found == {instrument_id: tranche.prints[-KEPT:] for instrument_id, tranche in twin.tranches.items()}
    assert {int(row["instrument_id"]): int(row["prints"]) for row in image["tranches"]} == {
        instrument_id: len(tranche.prints) for instrument_id, tranche in twin.tranches.items()
    }


def check_positions(twin: VenueTwin, rows: np.ndarray) -> None:
    """In the order in which each tranche's positions were opened."""
    found: dict[int, list[tuple[int, ...]]] = {instrument_id: [] for instrument_id in twin.tranches}
    for row in rows:
        found[int(row["instrument_id"])].append(tuple(int(row[name]) for name in ("account_id", "lots", "cost_nano")))
    assert found == {
        instrument_id: [
            (account_id, position.lots, position.cost_nano) for account_id, position in tranche.positions.items()
        ]
        for instrument_id, tranche in twin.tranches.items()
    }


def check_leverage(twin: VenueTwin, image: Mapping[str, np.ndarray]) -> None:
    """How regions are strained, and what cash costs."""
    assert [tuple(row)[:3] for row in image["regions"].tolist()] == [
        twin.strains.get(region_id, Strain()) for region_id in range(1, twin.regions + 1)
    ]
    (row,) = image["financing"].tolist()
    assert row == (twin.hour_due_ns, *twin.curve, twin.rate[1], twin.rate[0], 0, 0)


def check_clients(twin: VenueTwin, rows: np.ndarray) -> None:
    names = ("account_id", "client_id_high", "client_id_low", "time_ns", "sequence", "outcome")
    assert [tuple(int(row[name]) for name in names) for row in rows] == [
        (*key, known.time_ns, known.outcome["sequence"], known.outcome["kind"]) for key, known in twin.clients.items()
    ]


def check_cancel_timers(twin: VenueTwin, rows: np.ndarray) -> None:
    """By account and session."""
    assert rows.tolist() == [
        (account_id, session_id - ALL_ORDERS, due_ns)
        for (account_id, session_id), due_ns in sorted(twin.cancels_ns.items())
    ]


def check_agenda(twin: VenueTwin, venue: Venue) -> None:
    """One entry for each tranche and series, for each tranche whose auction is told of, and for the hour that is to be
    charged, in the order of a heap."""
    entries = venue.state.agenda[: int(venue.state.clock[0]["agenda_count"])].tolist()
    tranches = [(each.deadline_ns, TRANCHE_DUE, each_id) for each_id, each in twin.tranches.items()]
    series = [(each.due_ns, SERIES_DUE, each_id) for each_id, each in twin.series.items()]
    told = [(each.indicative_due_ns, INDICATIVE_DUE, each_id) for each_id, each in twin.tranches.items()]
    reviews = [(each.review_ns, REVIEW_DUE, each_id) for each_id, each in twin.accounts.items() if each.standing]
    hour = [(twin.hour_due_ns, FINANCING_DUE, 0)] if twin.hour_due_ns else []
    check_entries_of_cancels(twin, {each[2]: each[0] for each in entries if each[1] == CANCEL_AFTER_DUE})
    others = sorted(each for each in entries if each[1] != CANCEL_AFTER_DUE)
    assert others == sorted(tranches + series + reviews + hour + [entry for entry in told if entry[0]])
    assert all(entries[(at - 1) // 2] <= entries[at] for at in range(1, len(entries)))


def check_entries_of_cancels(twin: VenueTwin, entries_ns: dict[int, int]) -> None:
    """No account waits for longer than its first timer."""
    for (account_id, _), due_ns in twin.cancels_ns.items():
        assert twin.time_ns < entries_ns[account_id] <= due_ns
