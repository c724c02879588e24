"""Shares of amounts: products that would not fit 64 bits, divided. What is rare may take its time."""

import numpy as np

from kernels.compile import inlined, outlined

AMOUNT_BITS = 62


@outlined
def share_of(amount, part, whole):
    """`amount x part / whole`, rounded down, and the remainder. All are below 2^62, the part is not above the whole.

    Bit by bit of the amount, as one divides on paper.
    """
    quotient = np.int64(0)
    remainder = np.int64(0)
    for bit in range(AMOUNT_BITS - 1, -1, -1):
        quotient *= 2
        remainder *= 2
        if remainder >= whole:
            remainder -= whole
            quotient += 1
        if amount >> bit & 1:
            remainder += part
            if remainder >= whole:
                remainder -= whole
                quotient += 1
    return quotient, remainder


@inlined
def millionths_up(amount, ppm):
    """So many millionths of an amount, rounded up."""
    return amount // 1_000_000 * ppm + (amount % 1_000_000 * ppm + 999_999) // 1_000_000
