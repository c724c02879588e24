"""Which processor kernels are compiled for.

On x86-64 it is the level that has AVX2, x86-64-v3, whatever more a processor can do: code for that level was two to
five per cent faster on one with AVX-512 than code for all that it has, and one machine's figures tell of another. Any
other processor is compiled for as it is. numba's own variables, `NUMBA_CPU_NAME` and `NUMBA_CPU_FEATURES`, come first.
"""

import numba
from llvmlite import binding

LEVEL = "x86-64-v3"
FEATURES = "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt", "sse4.2"
"""What that level has beyond others."""


def choose_target() -> None:
    """Have numba compile for the level if the processor has it. Call it before anything is compiled."""
    is_chosen = numba.config.CPU_NAME is not None or numba.config.CPU_FEATURES is not None
    if is_chosen or not has_level(binding.get_host_cpu_features()):
        return
    numba.config.CPU_NAME = LEVEL
    numba.config.CPU_FEATURES = ",".join(f"+{name}" for name in FEATURES)


def has_level(features: dict[str, bool]) -> bool:
    """Whether a processor with these features can run code for the level."""
    return all(features.get(name, False) for name in FEATURES)
