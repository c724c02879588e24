"""How every kernel is compiled, and where its machine code is kept between runs.

numba's own disk cache looks at one file's date and at nothing else: it would load code compiled without bounds checks
when they are asked for, and would miss an edit to a helper in another file, so that a user who updates would match by
old rules. The cache folder is therefore named after everything the code depends on: the text of every kernel source,
the versions of Python, numba and numpy, the flags, and the processor that it is for.
"""

import hashlib
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy
from numba import njit

import kernels.aliasing  # noqa: F401 - every kernel is compiled with what it says of records
from kernels.parts import OPTIONS, part
from kernels.target import choose_target

Function = TypeVar("Function", bound=Callable[..., Any])

SOURCE_ROOT = Path(__file__).resolve().parent.parent
KERNEL_FOLDERS = ("kernels", "matching", "risk", "exchange/venue")
COMPLETE = "complete"
UNUSED_S_MAX = 30 * 86_400
JIT_ENABLED = not numba.config.DISABLE_JIT
CHECKED = False
"""Whether each call of a `direct` kernel is looked at."""


def kernel_sources(root: Path = SOURCE_ROOT) -> list[Path]:
    """Every file whose text may end up in compiled code, in a fixed order."""
    return sorted(path for folder in KERNEL_FOLDERS for path in (root / folder).rglob("*.py"))


def cache_key(sources: Iterable[Path]) -> str:
    """A name for the compiled code: equal names mean equal sources, tools and flags."""
    versions = (platform.python_version(), numba.__version__, numpy.__version__)
    flags = (numba.config.BOUNDSCHECK, numba.config.OPT, numba.config.DEBUG, sys.flags.optimize)
    target = (numba.config.CPU_NAME, numba.config.CPU_FEATURES)
    digest = hashlib.blake2b(repr((versions, flags, target)).encode(), digest_size=12)
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def cache_home() -> Path:
    """The folder above all kernel caches: `BWX_CACHE_DIR`, or the user's cache folder."""
    named = os.environ.get("BWX_CACHE_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bandwidth-exchange"


choose_target()
CACHE_FOLDER = cache_home() / "kernels" / cache_key(kernel_sources())
numba.config.CACHE_DIR = str(CACHE_FOLDER)


def is_compiled() -> bool:
    """Whether an earlier run has compiled everything from these very sources."""
    return (CACHE_FOLDER / COMPLETE).exists()


def mark_compiled() -> None:
    """Note that everything is compiled, and that caches of other sources that nobody used for a month may go."""
    CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
    (CACHE_FOLDER / COMPLETE).touch()
    for folder in CACHE_FOLDER.parent.iterdir():
        if time.time() - (folder / COMPLETE if (folder / COMPLETE).exists() else folder).stat().st_mtime > UNUSED_S_MAX:
            shutil.rmtree(folder, ignore_errors=True)


def kernel(function: Function) -> Function:
    """Compile a function that Python calls; its machine code is kept between runs."""
    return njit(cache=True, **OPTIONS)(function)


def direct(function: Function) -> Function:
    """Call a kernel without looking each time of which types the arguments are: they always are of the same.

    numba looks, and takes as long for it as a kernel takes for a few records. A call with other types would take memory
    for what it is not, so each type must follow from the class of an argument. With `CHECKED` numba goes on to look,
    and a second set of types is a fault; tests run so.
    """
    entry: Callable[..., Any] | None = None

    def call(*arguments: Any) -> Any:
        nonlocal entry
        if entry is not None:
            return entry(*arguments)
        result = function(*arguments)
        compiled = tuple(function.overloads.values())  # type: ignore[attr-defined]
        assert len(compiled) == 1, f"{function.__name__} is called with other types"
        entry = None if CHECKED else compiled[0].entry_point
        return result

    return call if JIT_ENABLED else function  # type: ignore[return-value]


def inlined(function: Function) -> Function:
    """Compile a part of kernels into each place that uses it. Python can call it, compiled anew in each process."""
    return part(function, is_inlined=True) if JIT_ENABLED else function


def outlined(function: Function) -> Function:
    """Compile a part of kernels that is rarely run or large, once for all that use it.

    numba clears the places for a call's results where the function that calls begins. So that only who really calls
    does it, the call stands in a function of its own, inlined.
    """
    if not JIT_ENABLED:
        return function
    body = part(function, is_inlined=False)

    def call(*arguments: Any) -> Any:
        return body(*arguments)

    call.__name__, call.__qualname__, call.__doc__ = function.__name__, function.__qualname__, function.__doc__
    return inlined(call)  # type: ignore[return-value]
