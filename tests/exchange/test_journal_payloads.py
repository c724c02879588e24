"""How the records of a row lie in the file: packed where that is shorter, and never taken for what they are not."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from exchange.journal import Journal
from exchange.journal_payloads import PACKED_BYTES_MIN, PayloadError, pack, unpack
from exchange.store_errors import JournalCorrupt
from exchange.venue.schema import ORDER_COMMAND
from tests.exchange.rows import RULES, alter, flip_bit, payloads_of, read_all, records


def orders(count: int) -> bytes:
    """The bytes of so many orders, each a little different."""
    block = np.zeros(count, ORDER_COMMAND)
    block["account_id"] = 7
    block["price_ticks"] = 30_000 + np.arange(count) % 64
    block["quantity_lots"] = 1 + np.arange(count) % 9
    return block.tobytes()


@given(st.binary(max_size=40), st.integers(0, 200))
def test_what_is_packed_unpacks_to_itself_and_is_never_longer(pattern, times):
    payload = pattern * times
    stored = bytes(pack(payload))
    assert len(stored) <= len(payload)
    assert unpack(stored, len(payload)) == payload


def test_orders_take_a_quarter_or_less():
    payload = orders(40)
    assert 4 * len(pack(payload)) <= len(payload)


def test_few_records_and_those_that_pack_no_shorter_lie_as_they_are():
    few, noise = bytes(PACKED_BYTES_MIN - 1), random.Random(1).randbytes(64 * 40)
    assert pack(few) is few
    assert pack(noise) is noise


def test_a_view_of_records_is_packed_as_their_bytes():
    block = np.zeros(40, ORDER_COMMAND)
    stored = bytes(pack(block.data))
    assert unpack(stored, block.nbytes) == block.tobytes()


def test_no_flipped_bit_leaves_a_payload_as_it_was():
    payload = orders(40)
    stored = bytes(pack(payload))
    refused = 0
    for bit in range(8 * len(stored)):
        try:
            assert unpack(flip_bit(stored, bit), len(payload)) != payload
        except PayloadError:
            refused += 1
    assert refused > 8 * 8, "at least what says how it is packed"


@pytest.mark.parametrize("length", [0, 1, 5, 17])
def test_a_packed_payload_that_was_cut_is_refused(length):
    payload = orders(40)
    with pytest.raises(PayloadError, match=f"holds {length} bytes"):
        unpack(bytes(pack(payload))[:length], len(payload))


def test_a_length_that_damage_makes_up_asks_for_no_memory():
    huge = zstandard.ZstdCompressor().compress(bytes(1 << 24))
    with pytest.raises(PayloadError, match="packed from 16777216"):
        unpack(huge, 64 * 40)


def test_threads_pack_and_unpack_beside_each_other():
    def there_and_back(seed: int) -> bool:
        payload = orders(20 + seed) * 20
        return all(unpack(bytes(pack(payload)), len(payload)) == payload for _ in range(50))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(there_and_back, range(16)))


# --- in a journal


def test_a_damaged_packing_names_its_row(tmp_path):
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        journal.append(1, 0, records(1, seed=1))
        journal.append(2, 0, b"".join(records(1, seed=2) for _ in range(40)))
        journal.append(42, 0, records(1, seed=3))
    (stored,) = payloads_of(tmp_path)[1:2]
    assert len(stored) < 4 * 64
    update = "UPDATE journal SET payload = ? WHERE first_sequence = 2"
    for bit in range(4 * 8, 8 * len(stored), 41):
        alter(tmp_path, update, flip_bit(stored, bit))
        with pytest.raises(JournalCorrupt) as refusal:
            read_all(tmp_path)
        assert refusal.value.first_bad_sequence == 2, bit
    alter(tmp_path, update, stored)
    assert len(read_all(tmp_path)) == 3


def test_rows_that_lie_as_they_are_and_packed_ones_make_one_journal(tmp_path):
    counts = (20, 30, 40)
    payloads = [b"".join(records(1, seed=count) for _ in range(count)) for count in counts]
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for payload in payloads[:2]:
            journal.append(journal.last_sequence + 1, 0, payload)
    assert all(len(stored) < 4 * 64 for stored in payloads_of(tmp_path))
    # As journals held them before any were packed.
    alter(tmp_path, "UPDATE journal SET payload = ? WHERE first_sequence = 1", payloads[0])
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        journal.append(journal.last_sequence + 1, 0, payloads[2])
    assert [row.payload for row in read_all(tmp_path)] == payloads
