"""Numba's own compiler pipeline, with vectors as wide as the processor's registers, and four of them in turn.

On Intel's servers LLVM keeps to 256 of 512 bits, so that a little vector code does not lower the clock of much other
code. Here nearly all code is vector arithmetic: half the width costs a factor of 1.3 to 2.4. The bits are the same
under any width, and a processor without 512-bit registers ignores the attribute.

A step is a chain of operations that wait for each other. LLVM would make the chain of one vector after that of another,
further apart than a processor looks ahead; with several side by side it finds work while it waits, and a long step
takes half the time.

The pipeline follows https://numba.readthedocs.io/en/stable/developer/custom_pipeline.html
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import ir as numba_ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

INTERLEAVED, INTERLEAVED_LONG = 4, 2
"""Vectors that a loop takes side by side, and one so long that four copies would not fit the instruction cache."""


class _WideLower(Lower):
    def setup_function(self, fndesc: Any) -> None:
        super().setup_function(fndesc)
        # llvmlite's own `add` knows none of these. Without the second, vectors on the stack would lie across cache
        # lines in three of four processes, as the stack happens to begin.
        set.add(self.function.attributes, '"prefer-vector-width"="512"')
        set.add(self.function.attributes, '"stackrealign"')

    def lower_inst(self, inst: Any) -> None:
        super().lower_inst(inst)
        if isinstance(inst, numba_ir.Jump) and self.blkmap[inst.target].is_terminated:
            self.builder.basic_block.terminator.set_metadata("llvm.loop", self._hint())

    def _hint(self) -> ir.MDValue:
        """What a loop's last branch is marked with; its first operand is the mark itself, by which LLVM knows loops."""
        is_long = getattr(self.func_ir.func_id.func, "is_long", False)
        count = ir.IntType(32)(INTERLEAVED_LONG if is_long else INTERLEAVED)
        hint = self.module.add_metadata([ir.MetaDataString(self.module, "llvm.loop.interleave.count"), count])
        loop = ir.MDValue(self.module, (), name=str(len(self.module.metadata)))
        loop.operands = (loop, hint)
        return loop


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
