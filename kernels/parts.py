"""Parts of kernels: functions that are compiled into what calls them, and never run on their own.

numba makes machine code, and a face for Python, of every function that it compiles. For the hundreds of small parts
that a kernel is made of this took two thirds of the time that matching took to compile, for code that nobody would ever
run. A part therefore stops where its caller can link it. From Python it can be called all the same: then it is
compiled like any function.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.typed_passes import NativeLowering

OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False, "error_model": "numpy"}
"""All parts of the core: without the GIL, without reference counting, with integer division as in C.

Kernels own nothing: arrays come in and stay the caller's, so the counting that `_nrt` switches off (a private option of
numba) would only cost time, up to three times the work of the kernel itself.
"""


def part(function: Callable[..., Any], *, is_inlined: bool) -> Any:
    """Compile a function into its callers: into each place that calls it, or once for all places."""
    dispatcher = njit(pipeline_class=_PartCompiler, forceinline=is_inlined, no_cfunc_wrapper=True, **OPTIONS)(function)
    dispatcher.__class__ = _PartDispatcher
    return dispatcher


class _PartDispatcher(Dispatcher):
    """Knows what its callers link. The key of what was compiled is any object: there is no address."""

    def add_overload(self, compiled: Any) -> None:
        """Keep what was compiled for callers, but not for Python."""
        self.overloads[tuple(compiled.signature.args)] = compiled

    def __call__(self, *arguments: Any) -> Any:
        """Run it from Python."""
        return self.entrance(*arguments)

    @cached_property
    def entrance(self) -> Any:
        """The same function as one that has machine code of its own."""
        return njit(**OPTIONS)(self.py_func)


class _PartLibrary(JITCodeLibrary):
    """Code that waits for a caller to link it."""

    def _optimize_final_module(self) -> None:
        """Left to whoever links it."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        state.library.__class__ = _PartLibrary
        state.flags.no_compile = state.flags.no_cpython_wrapper = True
        super().run_pass(state)
        key = object()
        state.targetctx.insert_user_function(key, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=key)
        return True


class _PartCompiler(CompilerBase):
    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [(_PartLowering if step is NativeLowering else step, why) for step, why in passes.passes]
        passes.finalize()
        return [passes]
