"""How kernels of the read model are compiled: like all others, but kept in a folder of their own.

It is named after their sources and the layouts that they read, so that an edit here leaves the code of the venue as it
is, and an edit of the venue's rules this one.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba import njit

from kernels.compile import CACHE_FOLDER as CORE_FOLDER
from kernels.compile import COMPLETE, SOURCE_ROOT, cache_key
from kernels.compile import is_compiled as is_core_compiled
from kernels.parts import OPTIONS

Function = TypeVar("Function", bound=Callable[..., Any])
SOURCES = sorted(
    path
    for pattern in ("kernels/*.py", "exchange/view/columns/*.py", "matching/schema.py", "exchange/venue/**/*schema.py")
    for path in SOURCE_ROOT.glob(pattern)
)
CACHE_FOLDER = CORE_FOLDER.parent / cache_key(SOURCES)


def kernel(function: Function) -> Function:
    """Compile a function that Python calls; its machine code is kept between runs."""
    others, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(CACHE_FOLDER)
    try:
        return njit(cache=True, **OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = others


def is_compiled() -> bool:
    """Whether an earlier run has compiled all that an exchange runs from these very sources, the core included."""
    return is_core_compiled() and (CACHE_FOLDER / COMPLETE).exists()


def mark_compiled() -> None:
    """Note that somebody uses what is in the folder, so that it is not cleared away."""
    CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
    (CACHE_FOLDER / COMPLETE).touch()
