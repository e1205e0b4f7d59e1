"""The whole file of a network, and the place of every table in a file."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from langevin_kit.observables import KINDS
from langevin_kit.preflight import arguments
from langevin_kit.scenario._format import (
    DisplacementTable,
    GaussianTable,
    Kept,
    LowRankTable,
    PatternsTable,
    PointTable,
    ReducedTable,
    RunTable,
    ScenarioTable,
    SchemeTable,
    SystemTable,
    Table,
    UniformTable,
    WallTable,
)
from langevin_kit.scenario._network_format import (
    AssociativeMemoryTable,
    BipartiteTable,
    ContinuousOutputsTable,
    ContinuousTable,
    FileTable,
    HopfieldTable,
    LearnTable,
    ModernTable,
    Network,
    RandomCouplingsTable,
    RandomPatternsTable,
)

KEPT = 200
"""Positions that a network's run keeps of each time unless it says how many: overlaps are theirs."""


class NetworkRunTable(RunTable):
    """``[run]`` of a network: the overlap of particles is that of the positions that are kept."""

    save_positions: Kept = Field(KEPT, validate_default=True)

    @field_validator("save_positions")
    @classmethod
    def _are_there(cls, value: bool | int, info: ValidationInfo) -> bool | int:
        # Fewer particles than are kept unasked are all kept; what is asked for must be there.
        n = info.data.get("n_particles", KEPT)
        if value == KEPT > n:
            return True
        arguments.kept_positions(value, n)
        return value


class NetworkScenarioTable(ScenarioTable):
    """The whole file of a network."""

    system: SystemTable | None = None
    network: Network
    learn: LearnTable | None = None
    run: NetworkRunTable


TABLES: dict[tuple[str, ...], type[Table]] = {
    (): NetworkScenarioTable,
    ("system",): SystemTable,
    ("initial", "gaussian"): GaussianTable,
    ("initial", "point"): PointTable,
    ("initial", "uniform"): UniformTable,
    ("initial", "patterns"): PatternsTable,
    ("network", "hopfield"): HopfieldTable,
    ("network", "continuous"): ContinuousTable,
    ("network", "continuous_outputs"): ContinuousOutputsTable,
    ("network", "associative_memory"): AssociativeMemoryTable,
    ("network", "modern"): ModernTable,
    ("network", "bipartite"): BipartiteTable,
    ("network", "patterns", "<random>"): RandomPatternsTable,
    ("network", "patterns", "<file>"): FileTable,
    ("network", "U", "<random>"): RandomCouplingsTable,
    ("network", "U", "<file>"): FileTable,
    ("learn",): LearnTable,
    ("run",): RunTable,
    ("run", "scheme", "<options>"): SchemeTable,
    ("system", "walls"): WallTable,
    ("system", "mobility", "<parts>"): LowRankTable,
    **{("observables", f"<{kind}>"): ReducedTable for kind in KINDS},
    ("observables", "<mean_square_displacement>"): DisplacementTable,
}
"""The place of each table of fixed fields in an error's location."""
