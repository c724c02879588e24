"""Every machine instruction against its twin in Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import intrinsics
from kernels.compile import JIT_ENABLED, kernel
from kernels.intrinsics import (
    LANES,
    copy_record,
    equal_lanes,
    hash_tag,
    lowest_bit,
    prefetch,
    rarely,
    stream_record,
)
from kernels.memory import aligned_zeros
from kernels.records import record
from matching.layout import ORDER_TERMS
from matching.schema import ORDER_COMMAND

WORDS = st.integers(0, (1 << 64) - 1)
FEW_HALF_WORDS = st.sampled_from([0, 1, 7, (1 << 31), (1 << 32) - 1])
PAIR = record(("left", "u4"), ("right", "u4"))


@kernel
def compiled_lowest_bit(bitmap):
    return lowest_bit(bitmap)


@kernel
def compiled_hash_tag(key):
    return hash_tag(key)


@kernel
def compiled_equal_lanes(words, first, word):
    return equal_lanes(words, first, word)


@kernel
def compiled_copy(sources, targets):
    copy_record(sources[0], targets[0])


@kernel
def compiled_stream(sources, targets, at):
    stream_record(sources[0], targets[at])


@kernel
def compiled_rarely(number, limit):
    return 1 if rarely(number > limit) else 0


@kernel
def compiled_prefetch(array, index):
    prefetch(array, index)
    return array[index]


@pytest.mark.skipif(not JIT_ENABLED, reason="without the JIT, the twins are what runs")
def test_with_the_jit_the_twins_do_not_run() -> None:
    assert intrinsics.lowest_bit is not intrinsics.lowest_bit_twin
    assert intrinsics.equal_lanes is not intrinsics.equal_lanes_twin


@given(WORDS.filter(bool))
def test_the_lowest_bit_is_found_as_by_its_twin(bitmap: int) -> None:
    assert compiled_lowest_bit(np.uint64(bitmap)) == intrinsics.lowest_bit_twin(bitmap)


@given(WORDS)
def test_a_hash_tag_is_that_of_its_twin_and_has_32_bits(key: int) -> None:
    tag = compiled_hash_tag(np.uint64(key))
    assert tag == intrinsics.hash_tag_twin(key)
    assert 0 <= tag < 1 << 32


@given(st.lists(FEW_HALF_WORDS, min_size=LANES, max_size=3 * LANES), st.data())
def test_equal_lanes_are_those_of_the_twin_from_any_word_on(values: list[int], data: st.DataObject) -> None:
    words = np.array(values, np.uint32)
    first = data.draw(st.integers(0, len(values) - LANES))
    word = data.draw(FEW_HALF_WORDS)
    expected = intrinsics.equal_lanes_twin(words, first, word)
    assert compiled_equal_lanes(words, first, word) == expected
    assert [bool(expected >> lane & 1) for lane in range(LANES)] == [
        value == word for value in values[first : first + LANES]
    ]


@given(st.binary(min_size=ORDER_COMMAND.itemsize, max_size=ORDER_COMMAND.itemsize))
def test_a_record_is_copied_byte_by_byte_whatever_its_fields(data: bytes) -> None:
    source = np.frombuffer(bytearray(data), ORDER_COMMAND)
    by_kernel, by_twin = np.zeros(2, ORDER_TERMS), np.zeros(2, ORDER_TERMS)
    compiled_copy(source, by_kernel)
    intrinsics.copy_record_twin(source[0], by_twin[0])
    assert by_kernel[0].tobytes() == by_twin[0].tobytes() == data
    assert not any(by_kernel[1].tobytes())


@pytest.mark.skipif(not JIT_ENABLED, reason="sizes are compared when a copy is compiled")
def test_records_of_two_sizes_are_not_copied() -> None:
    with pytest.raises(Exception, match="records of 64 and 8 bytes"):
        compiled_copy(np.zeros(1, ORDER_COMMAND), np.zeros(1, PAIR))


@given(st.binary(min_size=ORDER_COMMAND.itemsize, max_size=ORDER_COMMAND.itemsize), st.integers(0, 2))
def test_a_record_is_streamed_as_it_is_copied(data: bytes, at: int) -> None:
    source = np.frombuffer(bytearray(data), ORDER_COMMAND)
    by_kernel, by_twin = aligned_zeros(3, ORDER_TERMS), np.zeros(3, ORDER_TERMS)
    compiled_stream(source, by_kernel, at)
    intrinsics.stream_record_twin(source[0], by_twin[at])
    assert by_kernel.tobytes() == by_twin.tobytes()
    assert by_kernel[at].tobytes() == data


@pytest.mark.skipif(not JIT_ENABLED, reason="sizes are compared when a copy is compiled")
@pytest.mark.parametrize("source", [np.zeros(1, ORDER_COMMAND), np.zeros(1, PAIR)])
def test_only_records_of_whole_stores_are_streamed(source: np.ndarray) -> None:
    with pytest.raises(Exception, match=f"records of {source.itemsize} and 8 bytes"):
        compiled_stream(source, np.zeros(1, PAIR), 0)


@given(st.integers(0, 3))
def test_a_prefetch_changes_nothing(index: int) -> None:
    array = np.arange(4, dtype=np.uint32)
    assert compiled_prefetch(array, index) == index
    assert intrinsics.prefetch_twin(array, index) is None
    assert array.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("number", "expected"), [(1, 0), (2, 0), (3, 1)])
def test_what_holds_rarely_is_told_apart_like_anything_else(number: int, expected: int) -> None:
    assert compiled_rarely(number, 2) == expected
    assert intrinsics.rarely_twin(number > 2) is bool(expected)
