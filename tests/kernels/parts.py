"""Parts of kernels on their own. Python cannot call what is compiled into kernels, unless it is compiled once more."""

from collections.abc import Callable
from typing import Any

from kernels.compile import kernel


def called_from_python(part: Callable[..., Any]) -> Callable[..., Any]:
    """The same function as a kernel."""
    return kernel(getattr(part, "py_func", part))
