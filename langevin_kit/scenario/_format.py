"""The tables of a scenario file. What the rest of the library checks is asked of it here, not said again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from langevin_kit.backends import backend_from
from langevin_kit.errors import BackendUnavailable
from langevin_kit.observables import mean_square_displacement, observables_from_dict, plan
from langevin_kit.observables.rows import Rows, used_axes
from langevin_kit.preflight import arguments
from langevin_kit.random import check_seed
from langevin_kit.scenario._objects import law
from langevin_kit.schemes import need_of, scheme_from
from langevin_kit.system import System, Wall, cells, grid_from_dict


class Table(BaseModel):
    """A table of a scenario file.

    The context of a validation is a `System` that knows only coordinates and parameters (None if these are at fault):
    with it a fault in one field does not hide those of the others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)


def _parse(text: Any, info: ValidationInfo) -> Any:
    if info.context is not None and not info.context.is_dense:
        info.context.content.require_expression(text, str(info.field_name))
    return text


def _read_observable(text: Any, info: ValidationInfo) -> Any:
    if info.context is not None:
        used_axes(info.context, text, str(info.field_name))
    return text


def _name_observable(name: str, info: ValidationInfo) -> str:
    if info.context is not None:
        plan(info.context, {name: 0.0}, None)
    return name


def _one_each(value: float | list[float], info: ValidationInfo) -> list[float]:
    """One number for each coordinate; one alone stands for all."""
    system: System | None = info.context
    if not isinstance(value, list):
        return [value] * (1 if system is None else system.n_dim)
    if system is not None and len(value) != system.n_dim:
        names = f"of the {system.n_dim} components" if system.is_dense else f"({', '.join(system.names)})"
        raise ValueError(f"got {len(value)} numbers; one for each coordinate {names} is needed, or one for all")
    return value


def _cells(axis: tuple[float, float, int]) -> tuple[float, float, int]:
    cells(*axis)
    return axis


def _depth(value: Any) -> str:
    if isinstance(value, dict) and not {"diagonal", "factor"} & value.keys():
        return "<by vector>"
    if isinstance(value, dict | LowRankTable):
        return "<parts>"
    if not isinstance(value, list):
        return "<scalar>"
    return "<matrix>" if any(isinstance(row, list) for row in value) else "<vector>"


def list_or_not(value: Any) -> str:
    """The tag of a field that is one entry, several, or a table of them."""
    if isinstance(value, dict):
        return "<by vector>"
    return "<vector>" if isinstance(value, list) else "<scalar>"


def _kind_or_text(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "<text>"
    return f"<{value['kind']}>" if "kind" in value else None


def _flag_or_count(value: Any) -> str:
    return "<flag>" if isinstance(value, bool) else "<count>"


Expression = Annotated[Any, AfterValidator(_parse)]


class LowRankTable(Table):
    """K = D + U Uᵀ."""

    diagonal: Annotated[
        Annotated[Expression, Tag("<scalar>")] | Annotated[list[Expression], Tag("<vector>")],
        Discriminator(list_or_not),
    ]
    factor: list[list[Expression]]


Mobility = Annotated[
    Annotated[Expression, Tag("<scalar>")]
    | Annotated[list[Expression], Tag("<vector>")]
    | Annotated[list[list[Expression]], Tag("<matrix>")]
    | Annotated[LowRankTable, Tag("<parts>")]
    | Annotated[dict[str, Any], Tag("<by vector>")],
    Discriminator(_depth),
]
Drift = Annotated[
    Annotated[Expression, Tag("<scalar>")]
    | Annotated[list[Expression], Tag("<vector>")]
    | Annotated[dict[str, Any], Tag("<by vector>")],
    Discriminator(list_or_not),
]
Place = Annotated[
    Annotated[
        Annotated[float, Tag("<scalar>")] | Annotated[list[float], Tag("<vector>")],
        Discriminator(list_or_not),
    ],
    AfterValidator(_one_each),
]
Numbers = Annotated[
    Annotated[float, Tag("<scalar>")]
    | Annotated[list[float], Tag("<vector>")]
    | Annotated[list[list[float]], Tag("<matrix>")],
    Discriminator(_depth),
]
Coordinates = Annotated[
    Annotated[list[str], Tag("<names>")] | Annotated[dict[str, int], Tag("<lengths>")],
    Discriminator(lambda value: "<lengths>" if isinstance(value, dict) else "<names>"),
]
# TOML has arrays, which are lists; a strict tuple would refuse them.
Axis = Annotated[tuple[float, float, int], Field(strict=False), AfterValidator(_cells)]
Reduced = Annotated[Any, AfterValidator(_read_observable)]
Kept = Annotated[
    Annotated[bool, Tag("<flag>")] | Annotated[int, Field(ge=0), Tag("<count>")],
    Discriminator(_flag_or_count),
]


class NamesTable(Table):
    """The part of ``[system]`` that says which names expressions may use."""

    model_config = ConfigDict(extra="ignore")

    coordinates: Coordinates = ["x"]
    parameters: dict[str, Numbers] = {}

    @field_validator("coordinates")
    @classmethod
    def _are_names(cls, value: list[str] | dict[str, int]) -> list[str] | dict[str, int]:
        plan(System(energy=0.0, temperature=0.0, coordinates=value), None, None)
        return value

    @field_validator("parameters")
    @classmethod
    def _are_distinct(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "coordinates" in info.data:
            System(energy=0.0, temperature=0.0, coordinates=info.data["coordinates"], parameters=value)
        return value

    def bare(self) -> System:
        """A system without forces, in which expressions can be read."""
        return System(energy=0.0, temperature=0.0, coordinates=self.coordinates, parameters=self.parameters)


class WallTable(Table):
    """The walls of one coordinate."""

    kind: str
    lower: float | None = None
    upper: float | None = None
    reflects: str = ""

    @model_validator(mode="after")
    def _is_a_wall(self) -> WallTable:
        Wall.from_dict(self.model_dump())
        return self


def _as_given(value: Any) -> Any:
    return value.model_dump() if isinstance(value, LowRankTable) else value


class SystemTable(NamesTable):
    """``[system]``: what moves."""

    model_config = ConfigDict(extra="forbid")

    energy: Expression
    mobility: Mobility = 1.0
    drift: Drift = None
    measure: Expression = 1.0
    temperature: float
    units: dict[str, str] = {}
    walls: dict[str, WallTable] = {}
    retraction: dict[str, str] = {}

    @field_validator("energy", "mobility", "drift", "measure", "temperature", "units", "retraction")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        # The energy of scalar coordinates has been parsed: what it needs beyond that is derived once, by the system.
        if info.context is not None and (info.field_name != "energy" or info.context.is_dense):
            replace(info.context, **{str(info.field_name): _as_given(value)})
        return value

    @field_validator("walls")
    @classmethod
    def _stand_around_coordinates(cls, value: dict[str, WallTable], info: ValidationInfo) -> dict[str, WallTable]:
        if info.context is not None:
            walls = {name: Wall.from_dict(wall.model_dump()) for name, wall in value.items()}
            # A vector's walls need a mobility that is no matrix.
            mobility = _as_given(info.data.get("mobility", 1.0)) if info.context.is_dense else 1.0
            replace(info.context, walls=walls, mobility=mobility)
        return value


class InitialTable(Table):
    """``[initial]``: where the particles start."""

    @model_validator(mode="after")
    def _is_a_law(self) -> InitialTable:
        law(self.model_dump())
        return self


class GaussianTable(InitialTable):
    """A normal law."""

    kind: Literal["gaussian"]
    mean: Place
    covariance: Numbers


class PointTable(InitialTable):
    """All particles at one place."""

    kind: Literal["point"]
    position: Place


class UniformTable(InitialTable):
    """The uniform law on a box."""

    kind: Literal["uniform"]
    lower: Place
    upper: Place


class PatternsTable(Table):
    """``[initial]`` of a network: its patterns in turn."""

    kind: Literal["patterns"]
    flipped: float = Field(0.0, ge=0, le=1)
    spread: float = Field(0.0, ge=0)
    scale: float = 1.0

    @field_validator("kind")
    @classmethod
    def _has_patterns(cls, value: str, info: ValidationInfo) -> str:
        if info.context is not None and "patterns" not in info.context.parameters:
            raise ValueError("got 'patterns'; a table [network] is needed, which has patterns")
        return value


class ReducedTable(Table):
    """An expression and how it is reduced."""

    kind: Literal["mean", "autocorrelation", "maximum", "minimum"]
    of: Reduced


class DisplacementTable(Table):
    """A mean-square displacement."""

    kind: Literal["mean_square_displacement"]
    of: Any = None

    @field_validator("of")
    @classmethod
    def _are_coordinates(cls, value: Any, info: ValidationInfo) -> Any:
        made = mean_square_displacement(value)
        if info.context is not None:
            made.plan(Rows(info.context), "of")
        return value


Observables = dict[
    Annotated[str, AfterValidator(_name_observable)],
    Annotated[
        Annotated[Reduced, Tag("<text>")]
        | Annotated[ReducedTable, Tag("<mean>")]
        | Annotated[ReducedTable, Tag("<autocorrelation>")]
        | Annotated[ReducedTable, Tag("<maximum>")]
        | Annotated[ReducedTable, Tag("<minimum>")]
        | Annotated[DisplacementTable, Tag("<mean_square_displacement>")],
        Discriminator(_kind_or_text),
    ],
]


_RUN_CHECKS: dict[str, Callable[[Any], Any]] = {
    "n_particles": partial(arguments.require_count, "n_particles"),
    "time_step": arguments.require_time_step,
    "n_steps": arguments.require_steps,
    "dtype": arguments.canonical_dtype,
}


class SchemeTable(Table):
    """A scheme with options."""

    name: str
    noise: str = "gaussian"
    halved: bool = False
    need: str | None = None
    rtol: float | None = None
    atol: float | None = None
    tolerance: float | None = None


SchemeChoice = Annotated[
    Annotated[str, Tag("<scalar>")] | Annotated[SchemeTable, Tag("<options>")],
    Discriminator(lambda value: "<options>" if isinstance(value, dict | SchemeTable) else "<scalar>"),
]


class RunTable(Table):
    """``[run]``: how many, how long, with what."""

    n_particles: int
    time_step: float
    n_steps: int
    save_every: int | None = None
    seed: Annotated[int, AfterValidator(check_seed), Field(ge=0)]
    scheme: SchemeChoice = "euler_maruyama"
    dtype: str | None = None
    backend: str = "cpu"
    save_positions: Kept = False
    position_bits: int | None = None

    @field_validator("n_particles", "time_step", "n_steps", "dtype")
    @classmethod
    def _is_allowed(cls, value: Any, info: ValidationInfo) -> Any:
        _RUN_CHECKS[str(info.field_name)](value)
        return value

    @field_validator("save_every")
    @classmethod
    def _divides(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and "n_steps" in info.data:
            arguments.saving_interval(value, info.data["n_steps"])
        return value

    @field_validator("save_positions")
    @classmethod
    def _are_there(cls, value: bool | int, info: ValidationInfo) -> bool | int:
        if "n_particles" in info.data:
            arguments.kept_positions(value, info.data["n_particles"])
        return value

    @field_validator("position_bits")
    @classmethod
    def _are_bits(cls, value: int | None) -> int | None:
        return arguments.position_bits(value)

    @field_validator("scheme")
    @classmethod
    def _is_a_scheme(cls, value: str | SchemeTable) -> str | SchemeTable:
        options = {"name": value} if isinstance(value, str) else value.model_dump(exclude_none=True)
        if need_of(options) is None:
            scheme_from(options)
        return value

    @field_validator("backend")
    @classmethod
    def _is_a_backend(cls, value: str) -> str:
        try:
            backend_from(value)
        except BackendUnavailable as error:
            raise ValueError(str(error)) from None
        return value


def _plain(tables: Observables) -> dict[str, Any]:
    return {name: value.model_dump() if isinstance(value, Table) else value for name, value in tables.items()}


class ScenarioTable(Table):
    """The whole file."""

    title: str
    system: SystemTable | None
    initial: Annotated[GaussianTable | PointTable | UniformTable | PatternsTable, Field(discriminator="kind")]
    run: RunTable
    observables: Observables = {}
    histogram: dict[str, Axis] | None = None

    @field_validator("title")
    @classmethod
    def _is_a_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError(f"got {value!r}; one line of printable text is needed")
        return value

    @field_validator("observables")
    @classmethod
    def _have_names_of_their_own(cls, value: Observables, info: ValidationInfo) -> Observables:
        if info.context is not None:
            plan(info.context, observables_from_dict(_plain(value)), None)
        return value

    @field_validator("histogram")
    @classmethod
    def _covers(cls, value: dict[str, Axis] | None, info: ValidationInfo) -> dict[str, Axis] | None:
        """Put the axes in the coordinates' order: a TOML table has none."""
        if value is None or info.context is None:
            return value
        names = info.context.names
        if set(names) == set(value):
            value = {name: value[name] for name in names}
        plan(info.context, None, grid_from_dict(value))
        return value
