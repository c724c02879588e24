"""A base: the market that new rules began with, kept in the journal for as long as the row that names it.

    rows of the old rules │ TICK + digest of the base, under the new rules │ rows of the new rules
                          └─ the base, in the same transaction

This program cannot decide the rows of the old rules again. It proves their chain, takes the base at its digest, which
the chain vouches for, and replays from there.
"""

from hashlib import blake2b

import numpy as np
import orjson

from exchange import commands
from exchange.journal import Journal
from exchange.snapshots import Snapshot
from exchange.store_errors import JournalCorrupt
from exchange.venue.schema import CONTINUATION, TEXT_BYTES_MAX, Command
from matching.schema import ORDER_COMMAND

DIGEST_BYTES = TEXT_BYTES_MAX // 2


def first_records(time_ns: int, base: bytes) -> np.ndarray:
    """The first command under new rules: nothing but time passes, and it names the base."""
    head = commands.tick(time_ns).copy()
    head.view(CONTINUATION)["position"] = 1  # where every head counts its continuations
    digest = np.zeros(1, CONTINUATION)
    digest["kind"], digest["length"], digest["text"] = Command.CONTINUATION, TEXT_BYTES_MAX, _digest(base)
    return commands.concatenate(head, digest.view(ORDER_COMMAND))


def encode(snapshot: Snapshot) -> bytes:
    """A snapshot as one string of bytes: a line about it, then its payload."""
    header = {
        "sequence": snapshot.sequence,
        "chain_hash": snapshot.chain_hash.hex(),
        "state_digest": snapshot.state_digest.hex(),
        "rules_version": snapshot.rules_version,
        "time_ns": snapshot.time_ns,
    }
    return b"\n".join([orjson.dumps(header), snapshot.payload])


def newest_base(journal: Journal) -> Snapshot | None:
    """What the journal's newest rules began with; None where they decided its first row, or the first that is left.

    Raises JournalCorrupt where the base is not there, or is not the one that the chain names.
    """
    bases = journal.bases()
    if not bases:
        _check_first_rules(journal)
        return None
    first_sequence = bases[-1]
    encoded = journal.base_before(first_sequence) or b""
    if _named_at(journal, first_sequence) != _digest(encoded):
        raise JournalCorrupt(journal.path, first_sequence, "the state that its rules began with is another one")
    header, _, payload = encoded.partition(b"\n")
    fields = orjson.loads(header)
    chain_hash, state_digest = bytes.fromhex(fields["chain_hash"]), bytes.fromhex(fields["state_digest"])
    return Snapshot(fields["sequence"], chain_hash, state_digest, fields["rules_version"], fields["time_ns"], payload)


def _named_at(journal: Journal, first_sequence: int) -> str:
    """What the row that begins with this sequence says of the base before it, or ''."""
    if first_sequence > journal.last_sequence:
        return ""
    row = next(journal.read(first_sequence, any_rules=True))
    return commands.text_of(np.frombuffer(row.payload, ORDER_COMMAND)) if row.first_sequence == first_sequence else ""


def _check_first_rules(journal: Journal) -> None:
    first = next(journal.read(journal.first_sequence, any_rules=True), None)
    if first is not None and first.rules_version != journal.newest_rules:
        reason = f"it began under rules {first.rules_version!r}, and what the newest ones began with is missing"
        raise JournalCorrupt(journal.path, first.first_sequence, reason)


def _digest(base: bytes) -> str:
    return blake2b(base, digest_size=DIGEST_BYTES).hexdigest()
