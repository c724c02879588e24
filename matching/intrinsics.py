"""Three machine instructions that numba does not offer, each with a twin in Python for runs without the JIT."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from matching.compile import JIT_ENABLED

HASH_MULTIPLIER = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio: Knuth's multiplicative hashing spreads neighbours far apart."""


def lowest_bit_twin(bitmap: int) -> int:
    """Position of the lowest set bit of a non-zero 64-bit map."""
    bits = int(bitmap)
    return (bits & -bits).bit_length() - 1


def hash_tag_twin(key: int) -> int:
    """The upper half of the 64-bit product of a key with the multiplier: 32 well-mixed bits."""
    return (int(key) * HASH_MULTIPLIER & 0xFFFFFFFFFFFFFFFF) >> 32


def prefetch_twin(array: Any, index: int) -> None:
    """Ask for the record at an index to be brought near. A hint without effect on any result."""


@intrinsic
def _lowest_bit(typing_context: Any, bitmap: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def _hash_tag(typing_context: Any, key: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        product = builder.mul(arguments[0], ir.Constant(ir.IntType(64), HASH_MULTIPLIER))
        return builder.lshr(product, ir.Constant(ir.IntType(64), 32))

    return types.int64(types.uint64), generate


@intrinsic
def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type = signature.args[0]
        view = context.make_array(array_type)(context, builder, arguments[0])
        base = builder.ptrtoint(view.data, ir.IntType(64))
        stride = ir.Constant(ir.IntType(64), array_type.dtype.bitwidth // 8 if array_type.dtype is not None else 1)
        address = builder.inttoptr(builder.add(base, builder.mul(arguments[1], stride)), ir.IntType(8).as_pointer())
        prefetch = builder.module.declare_intrinsic(
            "llvm.prefetch",
            [ir.IntType(8).as_pointer()],
            ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), *[ir.IntType(32)] * 3]),
        )
        read, keep, data = (ir.Constant(ir.IntType(32), value) for value in (0, 3, 1))
        builder.call(prefetch, [address, read, keep, data])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


lowest_bit = _lowest_bit if JIT_ENABLED else lowest_bit_twin
hash_tag = _hash_tag if JIT_ENABLED else hash_tag_twin
prefetch = _prefetch if JIT_ENABLED else prefetch_twin
