"""Building the commands of clearing: who reports, what was measured, disputes, corrections, interruptions, downtime."""

import numpy as np

from exchange.packing import CommandError, entries_of_bytes, pack_group, packer_of
from exchange.venue.clearing.delivery_schema import DELIVERY_COMMAND, DOWNTIME_COMMAND, INTERRUPTION_COMMAND
from exchange.venue.schema import ACCOUNT_COMMAND, Command

KEY_BYTES = 32
NO_KEY = bytes(KEY_BYTES)
"""In the place of a key: the account reports no longer."""

_ACCOUNT = packer_of(ACCOUNT_COMMAND)
_DELIVERY = packer_of(DELIVERY_COMMAND)
_INTERRUPTION = packer_of(INTERRUPTION_COMMAND)
_DOWNTIME = packer_of(DOWNTIME_COMMAND)


def register_reporter(account_id: int, public_key: bytes) -> np.ndarray:
    """An account reports from now on what was delivered, under an Ed25519 key. Raises CommandError for another key."""
    if len(public_key) != KEY_BYTES:
        raise CommandError(f"a public key has {KEY_BYTES} bytes, not {len(public_key)}")
    head = (0, 0, account_id, *(0,) * 7)
    entries = entries_of_bytes(public_key)
    return pack_group(lambda n: _ACCOUNT.pack(Command.REGISTER_REPORTER, n, *head), entries=entries)


def report_delivery(
    reporter_id: int,
    allocation_id: int,
    slot: int,
    *,
    measured_lots: int,
    latency_us: int,
    loss_ppm: int,
    signature: bytes = b"",
) -> np.ndarray:
    """What a reporter measured of a slot; the signature, which the door has found good, is kept with it."""
    figures = (measured_lots, latency_us, loss_ppm)
    return pack_group(
        lambda n: _DELIVERY.pack(
            Command.REPORT_DELIVERY, n, 0, 0, slot, reporter_id, 0, allocation_id, 0, *figures, 0, 0, 0
        ),
        entries=entries_of_bytes(signature),
    )


def provision(provider_id: int, allocation_id: int) -> np.ndarray:
    """A provider's equipment is ready for an allocation."""
    return _of_party(Command.PROVISION, provider_id, allocation_id)


def dispute(account_id: int, allocation_id: int) -> np.ndarray:
    """A buyer or a provider does not agree with what was measured."""
    return _of_party(Command.DISPUTE, account_id, allocation_id)


def _of_party(kind: Command, account_id: int, allocation_id: int) -> np.ndarray:
    return pack_group(lambda n: _DELIVERY.pack(kind, n, 0, 0, 0, account_id, 0, allocation_id, *(0,) * 7))


def correct_delivery(
    allocation_id: int,
    slot: int,
    change_lots: int,
    *,
    with_replacement: bool = False,
    expected: int | None = None,
    reason: str = "",
) -> np.ndarray:
    """So many lots of a slot more were delivered than was measured, or fewer; 0 dismisses a dispute.

    The price moves, and with it the cost of replacement where that was paid. It is refused if not so many lots x slots
    are delivered so far as are `expected`, so that it is never made twice.
    """
    expected_more = 0 if expected is None else expected + 1
    head = (int(with_replacement), 0, slot, 0, 0, allocation_id, change_lots, *(0,) * 4, expected_more, 0)
    return pack_group(lambda n: _DELIVERY.pack(Command.CORRECT_DELIVERY, n, *head), reason)


def interrupt(region_id: int, lots: int) -> np.ndarray:
    """Cut interruptible allocations of a region for the slot that runs, the latest first, to so many lots in all."""
    return pack_group(lambda n: _INTERRUPTION.pack(Command.INTERRUPT, n, 0, region_id, 0, 0, lots, *(0,) * 5))


def note_downtime(from_ns: int, until_ns: int) -> np.ndarray:
    """Nobody could reach the venue in between."""
    return pack_group(lambda n: _DOWNTIME.pack(Command.NOTE_DOWNTIME, n, 0, 0, 0, 0, from_ns, until_ns, *(0,) * 4))
