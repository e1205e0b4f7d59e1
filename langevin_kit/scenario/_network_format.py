"""The tables of a network and of its learning: fields and their kinds. What builds the network checks the rest."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from langevin_kit.scenario._format import Table, list_or_not


def _rows_or_table(value: Any) -> str:
    """The tag of an array, as it is read and as it is written."""
    if isinstance(value, list):
        return "<rows>"
    return "<file>" if isinstance(value, FileTable) or (isinstance(value, dict) and "file" in value) else "<random>"


Values = Annotated[
    Annotated[float, Tag("<scalar>")] | Annotated[list[float], Tag("<vector>")], Discriminator(list_or_not)
]
"""One number for all units of a layer, or one for each."""


class FileTable(Table):
    """An array in a file of NumPy's format, beside the scenario's."""

    file: str


class RandomPatternsTable(Table):
    """Independent components ±1."""

    random: int = Field(gt=0)
    length: int = Field(gt=0)
    seed: int = Field(0, ge=0)


class RandomCouplingsTable(Table):
    """So many hidden units, with normal couplings."""

    random: int = Field(gt=0, le=2**16)
    scale: float = Field(0.01, gt=0)
    seed: int = Field(0, ge=0)


Rows = Annotated[list[list[float]], Tag("<rows>")]
File = Annotated[FileTable, Tag("<file>")]
Patterns = Annotated[Rows | File | Annotated[RandomPatternsTable, Tag("<random>")], Discriminator(_rows_or_table)]
Couplings = Annotated[Rows | File | Annotated[RandomCouplingsTable, Tag("<random>")], Discriminator(_rows_or_table)]
Rule = Literal["hebb", "pseudo_inverse", "storkey"]


class NetworkTable(Table):
    """What all networks have."""

    patterns: Patterns
    image: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=2, max_length=2)] | None = None


class HopfieldTable(NetworkTable):
    """Spins."""

    model: Literal["hopfield"]
    temperature: float
    rule: Rule = "hebb"
    fields: Values = 0.0
    update: str = "random"


class ContinuousTable(NetworkTable):
    """Rates."""

    model: Literal["continuous"]
    temperature: float
    rule: Rule = "hebb"
    gain: float = Field(1.0, gt=0)
    fields: Values = 0.0
    activation: str = "tanh"
    time_scale: float = 1.0


class ContinuousOutputsTable(ContinuousTable):
    """Rates by their outputs."""

    model: Literal["continuous_outputs"]  # type: ignore[assignment]


class AssociativeMemoryTable(NetworkTable):
    """Hidden units summed out."""

    model: Literal["associative_memory"]
    temperature: float
    potential: str = "softplus"
    beta: float | None = None
    fields: Values = 0.0
    inputs: Values = 0.0
    time_scale: float = 1.0


class ModernTable(NetworkTable):
    """Softmax of overlaps."""

    model: Literal["modern"]
    beta: float
    temperature: float | None = None
    weights: list[float] | None = None


class BipartiteTable(NetworkTable):
    """A visible and a hidden layer."""

    model: Literal["bipartite"]
    temperature: float
    U: Couplings
    visible: str = "tanh"
    hidden: str = "identity"
    inputs: Values = 0.0
    hidden_inputs: Values = 0.0
    time_scales: list[float] = Field(default_factory=lambda: [1.0, 1.0])


Network = Annotated[
    HopfieldTable | ContinuousTable | ContinuousOutputsTable | AssociativeMemoryTable | ModernTable | BipartiteTable,
    Field(discriminator="model"),
]
"""``[network]``: a model and what it takes, in place of ``[system]``."""


class LearnTable(Table):
    """``[learn]``: parameters that learn the patterns before the run."""

    rule: Literal["likelihood", "contrastive", "oja", "hebb"] = "likelihood"
    learn: list[str] = Field(default_factory=lambda: ["U"], validate_default=True)
    n_updates: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    time_step: float = Field(gt=0)
    recall_steps: int = Field(10, gt=0)
    free_steps: int | None = Field(None, gt=0)
    n_chains: int | None = Field(None, gt=0)
    burn_in: int = Field(0, ge=0)
    batch_size: int | None = Field(None, gt=0)
    decay: float = Field(0.0, ge=0)
    largest_singular_value: float | None = Field(None, gt=0)
    save_every: int = Field(1, gt=0)

    @field_validator("learn")
    @classmethod
    def _are_parameters(cls, value: list[str], info: ValidationInfo) -> list[str]:
        known = {} if info.context is None else info.context.parameters
        if missing := [name for name in value if known and name not in known]:
            raise ValueError(f"got {', '.join(missing)}; parameters of this network are {', '.join(known)}")
        return value
