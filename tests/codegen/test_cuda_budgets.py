"""Every kernel of the registry compiles for two generations, lives in registers, and costs no more than it may.

Needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from functools import cache
from types import FunctionType

import pytest
from cuda_tools import require_compiler
from models import MODELS as MEASURED

from langevin_kit import zoo
from langevin_kit.codegen.cuda import draws
from langevin_kit.codegen.cuda_texts import probe_text
from langevin_kit.testing.cuda_registry import (
    CAPABILITIES,
    MODELS,
    PARTS,
    ROWS,
    SPINS,
    SWEEPS,
    Budget,
    Part,
    Row,
    Sweep,
    table,
)
from langevin_kit.testing.sass import Assembled, assemble

require_compiler()

from langevin_kit.kernels.cuda.probe import FUSED  # noqa: E402

PROTOTYPE = {
    ("G1", "float32", "fast"): 23.0,
    ("G1", "float32", "exact"): 42.2,
    ("G1", "float64", "exact"): 102.5,
    ("G2", "float32", "fast"): 66.5,
    ("G2", "float32", "exact"): 140.5,
    ("G2", "float64", "exact"): 278.0,
}
"""Instructions per particle-step of kernels written by hand for these models."""

ROUND = "-0x2daee0ad"
"""A multiplier of the generator, 0xD2511F53: the loop's ten rounds less the one whose operand does not change."""
SIGN = "0x3f800000"
"""What a bit becomes the sign of."""


@cache
def assembled(row: Row, capability: tuple[int, int]) -> Assembled:
    return row.assembled(capability)


def beyond(row: Row, capability: tuple[int, int]) -> list[str]:
    """What a kernel takes beyond its budget."""
    budget, got = row.budgets[CAPABILITIES.index(capability)], row.cost(assembled(row, capability))
    return [
        f"{row} on sm_{capability[0]}{capability[1]}: {name} got {getattr(got, name)}, budget {getattr(budget, name)}"
        for name in ("registers", "instructions")
        if getattr(got, name) > getattr(budget, name)
    ]


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_kernels_stay_within_budgets(row: Row, capability: tuple[int, int]) -> None:
    assert not beyond(row, capability)


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_kernels_have_no_stack_and_no_spills(row: Row, capability: tuple[int, int]) -> None:
    kernel = assembled(row, capability)
    assert (kernel.stack, kernel.spilled) == (0, 0)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_round_of_the_loop_is_one_group_of_steps(row: Row) -> None:
    """Neither unrolled nor peeled, which the counts per step rest on; and no slow path of float32 in the fast mode."""
    loop, system = assembled(row, (9, 0)).hot_loop, MODELS[row.model]()
    if row.scheme.noise.takes == "bit":
        assert sum(SIGN in line for line in loop.instructions) == len(row.scheme.drawn(system))
    else:
        calls, _ = draws(system, row.scheme, row.dtype, "{}", "{call} {stream}")
        # The same call of another stream shares one product with it, and leaves one out if two words are not used.
        others = len(calls) - row.scheme.group(len(row.scheme.drawn(system)), row.dtype)[1]
        rounds = 9 * len(calls) - sum(ROUND in line for line in loop.instructions)
        assert others <= rounds <= 2 * others
    assert not (row.fast and row.noise != "gaussian_53" and loop.calls)


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_other_kernels_stay_within_registers(part: Part, capability: tuple[int, int]) -> None:
    kernel = assemble(part.text(capability), capability)
    budget = part.registers[CAPABILITIES.index(capability)]
    assert (kernel.stack, kernel.spilled) == (0, 0)
    assert budget - 2 <= kernel.registers <= budget, "a budget far above the kernel would let it grow again"


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("sweep", SWEEPS, ids=str)
def test_sweeps_stay_within_budgets(sweep: Sweep, capability: tuple[int, int]) -> None:
    """And not far below them. Short couplings are all read before a field is written: a turn waits once."""
    kernel, number = sweep.assembled(capability), CAPABILITIES.index(capability)
    budget, attempt = sweep.budgets[number], kernel.loop_with("DFMA")
    assert (kernel.stack, kernel.spilled) == (0, 0)
    assert budget.registers - 2 <= kernel.registers <= budget.registers
    assert 0.98 * budget.instructions <= len(attempt.instructions) <= budget.instructions
    if sweep.turns is not None:
        turn = kernel.loop_with("ATOMS.MIN").instructions
        assert 0.98 * sweep.turns[number] <= len(turn) <= sweep.turns[number]
        reads, writes = ([i for i, line in enumerate(turn) if part in line] for part in ("LDG", "STS"))
        assert len(reads) == -(-SPINS // 256)
        assert not sweep.is_short or max(reads) < writes[1], "the first is what threads agree on"


def test_every_kernel_of_the_library_is_there() -> None:
    from langevin_kit.kernels.cuda import histogram, tiles

    own = {
        f.__name__
        for module in (histogram, tiles)
        for f in vars(module).values()
        if isinstance(f, FunctionType) and f.__module__ == module.__name__
    }
    entries = [part.text((9, 0)).split(".entry ")[1].split("(")[0] for part in PARTS]
    assert own
    assert not [name for name in own if not any(f"{len(name)}{name}B" in entry for entry in entries)]


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_the_ceiling_of_issue_is_measured_by_multiply_adds(capability: tuple[int, int]) -> None:
    """Whole rounds of them in the hot loop, and hardly anything beside."""
    kernel = assemble(probe_text("fused_chains", capability, fast=False), capability)
    instructions = kernel.hot_loop.instructions
    fused = sum("FFMA" in line for line in instructions)
    assert (kernel.stack, kernel.spilled) == (0, 0)
    assert fused % FUSED == 0
    assert fused > 0.95 * len(instructions)


def test_a_budget_that_is_exceeded_is_said() -> None:
    """Control: one register and a quarter of an instruction less than the kernel takes."""
    row, capability = ROWS[0], CAPABILITIES[0]
    got = row.cost(assembled(row, capability))
    tight = replace(row, budgets=(Budget(got.registers - 1, got.instructions - 0.25), row.budgets[1]))
    assert beyond(tight, capability) == [
        f"{row} on sm_80: registers got {got.registers}, budget {got.registers - 1}",
        f"{row} on sm_80: instructions got {got.instructions}, budget {got.instructions - 0.25}",
    ]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_budgets_are_what_is_measured(row: Row) -> None:
    """A budget far above the kernel would let it grow again."""
    for capability, budget in zip(CAPABILITIES, row.budgets, strict=True):
        got = row.cost(assembled(row, capability))
        assert budget.instructions <= 1.02 * got.instructions, (str(row), capability, got, "lower its budget")


def test_budgets_are_those_of_a_kernel_by_hand() -> None:
    budgets = {(row.model, row.dtype, row.mode): row.budgets[1].instructions for row in ROWS if row.noise == "gaussian"}
    for key, by_hand in PROTOTYPE.items():
        assert budgets[key] <= 1.05 * by_hand, key


def test_the_registry_has_the_zoo_and_the_models_that_speed_is_measured_on() -> None:
    landscapes = {n for n in zoo.__all__ if "System" in str(inspect.signature(getattr(zoo, n)).return_annotation)}
    registered = {(row.model, row.dtype, row.mode) for row in ROWS}
    for model in landscapes | set(MODELS):
        assert {(model, "float32", "fast"), (model, "float32", "exact")} <= registered
    for name in ("W1", "W2", "W4"):
        assert MODELS[name]().content.fingerprint == MEASURED[name].system().content.fingerprint


def test_the_table_has_a_line_a_model() -> None:
    lines = table().splitlines()
    assert lines[0] == "| model | float32, fast | float32, exact | float64, exact |"
    assert len(lines) == 2 + len(MODELS)
    assert all(line.count("|") == 5 for line in lines)
