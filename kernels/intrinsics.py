"""Machine instructions that numba does not offer, each with a twin in Python for runs without the JIT."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.compile import JIT_ENABLED

HASH_MULTIPLIER = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio: Knuth's multiplicative hashing spreads neighbours far apart."""
LANES = 8
"""How many 32-bit words one comparison takes."""
STREAM_BYTES = 32
"""How much one store past the caches writes."""

BYTE = ir.IntType(8)
FLAG = ir.IntType(1)
HALF = ir.IntType(32)
WORD = ir.IntType(64)


def lowest_bit_twin(bitmap: int) -> int:
    """Position of the lowest set bit of a non-zero 64-bit map."""
    bits = int(bitmap)
    return (bits & -bits).bit_length() - 1


def hash_tag_twin(key: int) -> int:
    """The upper half of the 64-bit product of a key with the multiplier: 32 well-mixed bits."""
    return (int(key) * HASH_MULTIPLIER & 0xFFFFFFFFFFFFFFFF) >> 32


def equal_lanes_twin(words: Any, first: int, word: int) -> int:
    """Which of the eight words from `first` on equal a word, as a bitmap. The caller knows that there are eight."""
    return sum(1 << lane for lane in range(LANES) if int(words[first + lane]) == int(word))


def copy_record_twin(source: Any, target: Any) -> None:
    """Copy all bytes of a record into another one of the same size, whatever their fields."""
    target.setfield(np.void(source.tobytes()), f"V{source.nbytes}")


def stream_record_twin(source: Any, target: Any) -> None:
    """The same for a target that nobody reads soon: it goes past the caches, which keep what they hold.

    The target begins at a multiple of STREAM_BYTES.
    """
    copy_record_twin(source, target)


def rarely_twin(condition: bool) -> bool:
    """The same condition, which hardly ever holds: what it guards is kept out of the way of everything else."""
    return condition


def prefetch_twin(array: Any, index: int) -> None:
    """Ask for the record at an index to be brought near. A hint without effect on any result."""


@intrinsic
def _lowest_bit(typing_context: Any, bitmap: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], FLAG(1))

    return types.int64(types.uint64), generate


@intrinsic
def _hash_tag(typing_context: Any, key: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.lshr(builder.mul(arguments[0], WORD(HASH_MULTIPLIER)), WORD(32))

    return types.int64(types.uint64), generate


@intrinsic
def _equal_lanes(typing_context: Any, words: Any, first: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(HALF, LANES)
        address = builder.bitcast(_address_of(context, builder, signature, arguments), vector.as_pointer())
        found = builder.load(address, align=4)
        wanted = builder.insert_element(ir.Constant(vector, ir.Undefined), arguments[2], HALF(0))
        wanted = builder.shuffle_vector(wanted, wanted, ir.Constant(vector, [0] * LANES))
        equal = builder.icmp_unsigned("==", found, wanted)
        return builder.zext(builder.bitcast(equal, BYTE), WORD)

    return types.uint64(words, types.int64, types.uint32), generate


@intrinsic
def _copy_record(typing_context: Any, source: Any, target: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = ir.IntType(8 * source.size)
        pointers = [builder.bitcast(argument, whole.as_pointer()) for argument in arguments]
        builder.store(builder.load(pointers[0], align=8), pointers[1], align=8)
        return context.get_dummy_value()

    if source.size != target.size:
        raise ValueError(f"records of {source.size} and {target.size} bytes")
    return types.void(source, target), generate


@intrinsic
def _stream_record(typing_context: Any, source: Any, target: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = ir.VectorType(HALF, LANES)
        sources, targets = (builder.bitcast(argument, lanes.as_pointer()) for argument in arguments)
        note = builder.module.add_metadata([HALF(1)])
        for part in range(source.size // STREAM_BYTES):
            piece = builder.load(builder.gep(sources, [WORD(part)]), align=8)
            builder.store(piece, builder.gep(targets, [WORD(part)]), align=STREAM_BYTES).set_metadata(
                "nontemporal", note
            )
        return context.get_dummy_value()

    if source.size != target.size or source.size % STREAM_BYTES:
        raise ValueError(f"records of {source.size} and {target.size} bytes")
    return types.void(source, target), generate


@intrinsic
def _rarely(typing_context: Any, condition: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = ir.FunctionType(FLAG, [FLAG, FLAG])
        expect = builder.module.declare_intrinsic("llvm.expect", [FLAG], function)
        return builder.call(expect, [arguments[0], FLAG(0)])

    return types.boolean(types.boolean), generate


@intrinsic
def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = BYTE.as_pointer()
        address = builder.bitcast(_address_of(context, builder, signature, arguments), pointer)
        function = ir.FunctionType(ir.VoidType(), [pointer, HALF, HALF, HALF])
        request = builder.module.declare_intrinsic("llvm.prefetch", [pointer], function)
        read, all_caches, data = HALF(0), HALF(3), HALF(1)
        builder.call(request, [address, read, all_caches, data])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _address_of(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """The address of an array's item at an index, the first two arguments."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.gep(array.data, [arguments[1]])


lowest_bit = _lowest_bit if JIT_ENABLED else lowest_bit_twin
hash_tag = _hash_tag if JIT_ENABLED else hash_tag_twin
equal_lanes = _equal_lanes if JIT_ENABLED else equal_lanes_twin
copy_record = _copy_record if JIT_ENABLED else copy_record_twin
stream_record = _stream_record if JIT_ENABLED else stream_record_twin
rarely = _rarely if JIT_ENABLED else rarely_twin
prefetch = _prefetch if JIT_ENABLED else prefetch_twin
