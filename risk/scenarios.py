"""All sixteen scenarios of a margin class at once, as one vector: a loop would take several times as long.

    gain[s] = shock_ticks[s] x tick_value_nano                                  what a long lot gains
    unit_loss[s] = max(0, base_nano - gain[s])     of an order to buy; + gain[s] of one to sell
    loss[s] += order_lots x unit_loss[s] - lots x gain[s]

The worst loss comes back, or 0. Processors multiply 32-bit numbers several times as fast as wider ones, and most
products are of such: `narrow` is for them, and gives the same.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.compile import JIT_ENABLED, inlined, outlined
from risk.schema import SCENARIOS

NARROW_MAX = (1 << 31) - 1

HALF = ir.IntType(32)
WORD = ir.IntType(64)
HALVES = ir.VectorType(HALF, SCENARIOS)
WORDS = ir.VectorType(WORD, SCENARIOS)


@inlined
def add_losses(
    losses, first_loss, shocks, first_shock, tick_value_nano, base_nano, is_sell, most_nano, order_lots, lots
):
    """Change the losses from `first_loss` on; return the worst. No unit loss or gain is above `most_nano`."""
    if most_nano <= NARROW_MAX and abs(order_lots) <= NARROW_MAX and abs(lots) <= NARROW_MAX:
        return narrow(losses, first_loss, shocks, first_shock, tick_value_nano, base_nano, is_sell, order_lots, lots)
    return add_wide(losses, first_loss, shocks, first_shock, tick_value_nano, base_nano, is_sell, order_lots, lots)


@outlined
def add_wide(losses, first_loss, shocks, first_shock, tick_value_nano, base_nano, is_sell, order_lots, lots):
    """The same for numbers of any size."""
    return wide(losses, first_loss, shocks, first_shock, tick_value_nano, base_nano, is_sell, order_lots, lots)


def add_losses_twin(
    losses: np.ndarray,
    first_loss: int,
    shocks: np.ndarray,
    first_shock: int,
    tick_value_nano: int,
    base_nano: int,
    is_sell: int,
    order_lots: int,
    lots: int,
) -> int:
    """The same, one scenario after the other."""
    worst_nano = 0
    for scenario in range(SCENARIOS):
        gain_nano = int(shocks[first_shock + scenario]) * int(tick_value_nano)
        unit_nano = max(int(base_nano) + (gain_nano if is_sell else -gain_nano), 0)
        losses[first_loss + scenario] += int(order_lots) * unit_nano - int(lots) * gain_nano
        worst_nano = max(worst_nano, int(losses[first_loss + scenario]))
    return worst_nano


def _vector_code(is_narrow: bool) -> Any:
    """Code for all scenarios; of `narrow` values every step but the last product fits 32 bits."""
    lanes = HALVES if is_narrow else WORDS

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, first_loss, _, first_shock, tick_value, base, is_sell, order_lots, lots = arguments

        def address(at: int, index: Any, vector: Any) -> Any:
            array = context.make_array(signature.args[at])(context, builder, arguments[at])
            return builder.bitcast(builder.gep(array.data, [index]), vector.as_pointer())

        def spread(word: Any) -> Any:
            value = builder.trunc(word, HALF) if is_narrow else word
            first = builder.insert_element(ir.Constant(lanes, ir.Undefined), value, HALF(0))
            return builder.shuffle_vector(first, first, ir.Constant(HALVES, [0] * SCENARIOS))

        def scaled(values: Any, factor: Any) -> Any:
            if is_narrow:
                return builder.mul(builder.sext(values, WORDS), builder.sext(spread(factor), WORDS))
            return builder.mul(values, spread(factor))

        shocks = builder.load(address(2, first_shock, HALVES), align=4)
        gains = builder.mul(shocks if is_narrow else builder.sext(shocks, WORDS), spread(tick_value))
        flip = spread(builder.sub(is_sell, WORD(1)))  # all bits for a buy: x ^ -1 - -1 is -x
        signed = builder.sub(builder.xor(gains, flip), flip)
        units = builder.add(spread(base), signed)
        nothing = ir.Constant(lanes, [0] * SCENARIOS)
        units = builder.select(builder.icmp_signed(">", units, nothing), units, nothing)
        target = address(0, first_loss, WORDS)
        losses = builder.load(target, align=8)
        losses = builder.sub(builder.add(losses, scaled(units, order_lots)), scaled(gains, lots))
        builder.store(losses, target, align=8)
        name = f"llvm.vector.reduce.smax.v{SCENARIOS}i64"
        largest = cgutils.get_or_insert_function(builder.module, ir.FunctionType(WORD, [WORDS]), name)
        worst = builder.call(largest, [losses])
        return builder.select(builder.icmp_signed(">", worst, WORD(0)), worst, WORD(0))

    return generate


def _adding(is_narrow: bool) -> Any:
    """The instruction for narrow numbers, or for all."""

    @intrinsic
    def add(
        typing_context: Any,
        losses: Any,
        first_loss: Any,
        shocks: Any,
        first_shock: Any,
        tick_value_nano: Any,
        base_nano: Any,
        is_sell: Any,
        order_lots: Any,
        lots: Any,
    ) -> Any:
        signature = types.int64(losses, types.int64, shocks, *(types.int64,) * 6)
        return signature, _vector_code(is_narrow)

    return add


narrow = _adding(is_narrow=True) if JIT_ENABLED else add_losses_twin
wide = _adding(is_narrow=False) if JIT_ENABLED else add_losses_twin
