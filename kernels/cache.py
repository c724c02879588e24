"""Caches for kernels that are outside the core: their machine code is kept apart from that of the rules.

Each is named after its sources and the layouts that they read, so that an edit there leaves the code of the core as it
is, and an edit of the rules this one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import njit

from kernels.compile import CACHE_FOLDER as CORE_FOLDER
from kernels.compile import COMPLETE, SOURCE_ROOT, cache_key
from kernels.parts import OPTIONS

Function = TypeVar("Function", bound=Callable[..., Any])
GROUND = ("kernels/*.py", "matching/schema.py", "exchange/venue/**/*schema.py")
"""What all of them depend on."""


class KernelCache:
    """The machine code of some kernels."""

    def __init__(self, *patterns: str) -> None:
        """`patterns` name their sources, from the root."""
        self.sources: list[Path] = sorted(
            path for pattern in (*GROUND, *patterns) for path in SOURCE_ROOT.glob(pattern)
        )
        self.folder: Path = CORE_FOLDER.parent / cache_key(self.sources)

    def kernel(self, function: Function) -> Function:
        """Compile a function that Python calls; its machine code is kept between runs."""
        others, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(self.folder)
        try:
            return njit(cache=True, **OPTIONS)(function)
        finally:
            numba.config.CACHE_DIR = others

    @property
    def is_complete(self) -> bool:
        """Whether an earlier run has compiled all of them from these very sources."""
        return (self.folder / COMPLETE).exists()

    def mark_complete(self) -> None:
        """Note that all are compiled, and that somebody uses what is in the folder: it is not cleared away."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / COMPLETE).touch()
