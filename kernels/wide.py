"""Numba's own compiler pipeline, with vectors as wide as the processor's registers.

On Intel's servers LLVM keeps to 256 of 512 bits, so that a little vector code does not lower the clock of much other
code. Here nearly all code is vector arithmetic: half the width costs a factor of 1.3 to 2.4. The bits are the same
under any width, and a processor without 512-bit registers ignores the attribute.

The pipeline follows https://numba.readthedocs.io/en/stable/developer/custom_pipeline.html
"""

from __future__ import annotations

from typing import Any

from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering


class _WideLower(Lower):
    def setup_function(self, fndesc: Any) -> None:
        super().setup_function(fndesc)
        # llvmlite's own `add` knows no attribute that has a value.
        set.add(self.function.attributes, '"prefer-vector-width"="512"')


@register_pass(mutates_CFG=True, analysis_only=False)
class _WideLowering(NativeLowering):
    _name = "langevin_kit_wide_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        return _WideLower


class FromPython:
    """An inner function as Python, such as a test, calls it: through `caller`, which is compiled around it."""

    caller: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Compile for these types, and call."""
        return self.caller(*arguments)


@register_pass(mutates_CFG=True, analysis_only=False)
class _InnerLowering(_WideLowering):
    """Of a function that compiled code calls: it is linked into its callers, and no machine code is made of it alone.

    That and its wrappers for Python and C are half of the time of compiling a small function.
    """

    _name = "langevin_kit_inner_lowering"

    def run_pass(self, state: Any) -> bool:
        flags = state.flags
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        super().run_pass(state)
        made = state["cr"]
        # By this object numba tells one compiled form of the function from another.
        entry = FromPython()
        state.targetctx.insert_user_function(entry, made.fndesc, [state.library])
        state["cr"] = made._replace(cfunc=entry)
        return True


def _pipeline(state: Any, lowering: type[NativeLowering]) -> list[Any]:
    """Numba's pipeline for compiled code, with one pass exchanged."""
    pipeline = DefaultPassBuilder.define_nopython_pipeline(state)
    pipeline.passes = [(lowering if p is NativeLowering else p, about) for p, about in pipeline.passes]
    pipeline.finalize()
    return [pipeline]


class WideCompiler(CompilerBase):
    """For ``njit(pipeline_class=WideCompiler)``."""

    def define_pipelines(self) -> list[Any]:
        """Lowered with wide vectors."""
        return _pipeline(self.state, _WideLowering)


class InnerCompiler(CompilerBase):
    """The same for functions that only compiled code calls."""

    def define_pipelines(self) -> list[Any]:
        """Lowered to be linked into callers."""
        return _pipeline(self.state, _InnerLowering)
