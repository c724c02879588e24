"""Write the store of a small market, the same every time: `python -m tests.simulation.stores.make FILE`.

What it writes under one version of the rules is kept, and later versions are tested on it. See README.md.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import orjson

from exchange import clearing_commands, commands, delivery_commands
from exchange.journal import Journal
from exchange.published import Published
from exchange.recovery import snapshot_of
from exchange.sequencer import stamp_order_ids
from exchange.snapshots import SnapshotStore
from exchange.venue.clearing.capacity_schema import SLOT_NS, STAKE_NANO_PER_LOT
from exchange.venue.machine import Venue
from exchange.venue.schema import Tier
from exchange.view import MarketView
from matching.schema import Side
from tests.exchange.view.markets import resting
from tests.simulation.traffic import (
    ACCOUNTS,
    CASH_NANO,
    LIMITS,
    NANO_PER_S,
    REFERENCE_TICKS,
    CommandId,
    Traffic,
)

EPOCH_NS = 1_800_000_000 * NANO_PER_S
SEED = 1
BATCHES = 24
BATCH_COMMANDS = 8
SNAPSHOTS_AFTER = (BATCHES // 2, BATCHES)
BUYER, PROVIDER, REPORTER = ACCOUNTS + 1, ACCOUNTS + 2, ACCOUNTS + 3
DELIVERED_SERIES, DELIVERED_WINDOW = 3, 5
SALE_AFTER, SOLD_LOTS, CAPACITY_LOTS = 6, 12, 40
START_S, GATE_S, DELIVERED_S = 180, 15, 180
"""Of the window that is delivered, from the epoch on: the gate closes between the two snapshots."""
ZIP_TIME = (2026, 11, 24, 0, 0, 0)


def main() -> None:
    """Make the store in a folder that goes away, and pack it."""
    (target,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        told = write_store(Path(folder))
        (Path(folder) / "told.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir()):
                archive.writestr(zipfile.ZipInfo(path.name, ZIP_TIME), path.read_bytes(), zipfile.ZIP_DEFLATED)


def write_store(directory: Path) -> dict[str, object]:
    """Lead a market through its life; what readers see at its end."""
    traffic = Traffic(SEED, EPOCH_NS, expiry_s_max=600)
    venue, view = Venue(LIMITS), MarketView()
    rules = LIMITS.rules_version()
    with Journal.open(directory, rules_version=rules) as journal, SnapshotStore.open(directory) as snapshots:
        for batch in range(BATCHES + 1):
            index = BATCH_COMMANDS * batch
            wanted = [CommandId(0, index + at) for at in range(BATCH_COMMANDS)] if batch else []
            groups = [traffic.command(which) for which in wanted] or [*traffic.founding(), *delivery_founding()]
            groups += sale() if batch == SALE_AFTER else []
            append(journal, venue, view, EPOCH_NS + batch * NANO_PER_S, groups)
            if batch in SNAPSHOTS_AFTER:
                hash_, sequence = journal.last_hash, journal.last_sequence
                snapshots.save(snapshot_of(venue.image(), view.dump(), hash_, sequence, venue.time_ns, rules))
        return {
            "rules_version": rules,
            "chain_hash": journal.last_hash.hex(),
            "state_digest": venue.digest().hex(),
            "sequence": view.sequence,
            "time_ns": view.time_ns,
            "trades": view.trades,
            "open_orders": sorted(order.order_id for order in resting(view)),
            "accounts": {
                view.accounts[account_id].name: {
                    "balances": view.balances(account_id)._asdict(),
                    "positions": {
                        view.tranches[position.instrument_id].symbol: [position.lots, position.cost_nano]
                        for position in view.positions(account_id)
                    },
                }
                for account_id in view.accounts
            },
            "allocations": [
                [each.allocation_id, each.symbol, each.buyer_id, each.provider_id, each.lots, each.escrow_nano]
                for each in view.deliveries.by_id.values()
            ],
        }


def delivery_founding() -> list[np.ndarray]:
    """What makes a window that is delivered: somebody to buy, to deliver and to measure, and the terms."""
    first_ns = EPOCH_NS // SLOT_NS * SLOT_NS
    start_ns = EPOCH_NS + START_S * NANO_PER_S
    return [
        *(commands.open_account(number, f"trader-{number}") for number in (BUYER, PROVIDER, REPORTER)),
        *(commands.deposit(number, CASH_NANO) for number in (BUYER, PROVIDER)),
        delivery_commands.register_reporter(REPORTER, bytes([REPORTER] * 32)),
        clearing_commands.post_stake(PROVIDER, CAPACITY_LOTS * STAKE_NANO_PER_LOT),
        clearing_commands.register_capacity(
            PROVIDER, 1, Tier.BE, CAPACITY_LOTS, first_ns, first_ns + 96 * SLOT_NS, endpoint="port 7"
        ),
        commands.define_series(
            DELIVERED_SERIES,
            1,
            Tier.BE,
            first_start_ns=start_ns,
            duration_s=DELIVERED_S,
            gate_lead_s=START_S - GATE_S,
            horizon_s=START_S + 20,
            reference_ticks=REFERENCE_TICKS,
            closing_auction_s=5,
        ),
        clearing_commands.set_delivery_terms(
            DELIVERED_SERIES, 60, shortfall_fee_ppm=200_000, penalty_ppm=100_000, grace_s=3_600, dispute_s=600
        ),
    ]


def sale() -> list[np.ndarray]:
    """The provider sells of the window that is delivered."""
    return [
        commands.place(PROVIDER, DELIVERED_WINDOW, Side.SELL, REFERENCE_TICKS, SOLD_LOTS),
        commands.place(BUYER, DELIVERED_WINDOW, Side.BUY, REFERENCE_TICKS, SOLD_LOTS),
    ]


def append(journal: Journal, venue: Venue, view: MarketView, time_ns: int, groups: list[np.ndarray]) -> None:
    """One row, made durable and applied."""
    first_sequence = journal.last_sequence + 1
    records = commands.concatenate(commands.tick(time_ns), *groups)
    stamp_order_ids(records, first_sequence)
    journal.append(first_sequence, time_ns, records.tobytes())
    events = venue.apply(records, first_sequence)
    view.apply(Published(first_sequence, time_ns, records, events, venue.figures_after(events)))


if __name__ == "__main__":
    main()
