"""Parts are linked by what calls them, and run from Python all the same."""

import numpy as np
import pytest

from kernels.compile import JIT_ENABLED, inlined, kernel, outlined
from kernels.parts import part

needs_the_jit = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python has no parts")


@inlined
def doubled(number):
    return 2 * number


@outlined
def raised(number, steps):
    for _ in range(steps):
        number = doubled(number)
    return number


@kernel
def sum_of_raised(numbers, steps):
    total = 0
    for number in numbers:
        total += raised(number, steps)
    return total


def halved(number):
    return number // 2


def test_a_kernel_runs_the_parts_that_it_is_made_of() -> None:
    assert sum_of_raised(np.arange(4), 3) == 8 * (0 + 1 + 2 + 3)


@pytest.mark.parametrize(("number", "steps", "expected"), [(5, 0, 5), (5, 1, 10), (-3, 2, -12)])
def test_python_calls_a_part_like_any_function(number: int, steps: int, expected: int) -> None:
    assert raised(number, steps) == expected


@needs_the_jit
@pytest.mark.parametrize("is_inlined", [False, True])
def test_a_part_gets_machine_code_only_when_python_calls_it(is_inlined: bool) -> None:
    halve = part(halved, is_inlined=is_inlined)

    @kernel
    def quartered(number):
        return halve(halve(number))

    assert quartered(21) == 5
    assert halve.overloads, "the kernel compiled it"
    assert all(not isinstance(compiled.entry_point, type(len)) for compiled in halve.overloads.values())
    assert "entrance" not in vars(halve)
    assert halve(21) == 10
    assert halve.entrance.overloads
    assert quartered(-21) == -6
