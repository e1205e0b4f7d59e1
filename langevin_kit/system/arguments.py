"""What `System` is given, in canonical form; what it cannot use is refused here."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.system.dense import Components
from langevin_kit.system.dense.by_vector import in_order, is_by_name, is_root
from langevin_kit.system.names import RESERVED
from langevin_kit.system.packed import LONGEST_LIST, is_packed, pack, unpack
from langevin_kit.system.walls import Wall

if TYPE_CHECKING:
    from langevin_kit.system.dense.derived import DenseDerived

MAX_COORDINATES = 16
"""Most coordinates of a system of scalar expressions, and most vectors."""

MAX_COMPONENTS = 2**20
"""Longest state of vectors."""


def names_of(coordinates: Any, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The coordinates' names."""
    names = (coordinates,) if isinstance(coordinates, str) else tuple(coordinates)
    if not 1 <= len(names) <= MAX_COORDINATES:
        raise InvalidArgument(
            f"coordinates: got {len(names)} names {names}; 1 to {MAX_COORDINATES} are allowed. "
            "For more, make one coordinate a vector, as in coordinates={'v': 64}."
        )
    for name in (*names, *parameters):
        check_name(name)
    if len({*names, *parameters}) < len(names) + len(parameters):
        raise InvalidArgument(f"coordinates {names} and parameters {tuple(parameters)} must differ in name.")
    return names


def check_name(name: Any) -> None:
    """Refuse what no coordinate or parameter may be called."""
    if not (isinstance(name, str) and name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
        raise InvalidArgument(f"name {name!r}: letters, digits and _ are allowed, and no Python keyword.")
    if name in RESERVED:
        raise InvalidArgument(f"name {name!r} is reserved; reserved are {', '.join(sorted(RESERVED))}.")


def check_kinds(values: Mapping[str, tuple[Any, Any]]) -> None:
    """Refuse fields that are no mapping or sequence."""
    for name, (value, kind) in values.items():
        if not isinstance(value, kind):
            got = type(value).__name__
            need = "mapping" if kind is Mapping else "sequence"
            raise InvalidArgument(f"{name}: got {got}; a {need} of names is needed.")


def units_of(units: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Labels by name, a vector's for its components too. Units of nothing there is are refused."""
    vectors = names.vector if isinstance(names, Components) else {}
    known = (*(vectors or names), "energy", "time")
    made: dict[str, str] = {}
    for key, label in units.items():
        if not isinstance(label, str):
            raise InvalidArgument(f"units: got {label!r} for {key!r}; a label in text is needed.")
        if key not in known and key not in names:
            raise InvalidArgument(f"units: unknown key {key!r}{did_you_mean(key, known)}.")
        made |= {key: label} | (dict.fromkeys(Components({key: vectors[key]}), label) if key in vectors else {})
    return made


def vectors_of(coordinates: Mapping[Any, Any], parameters: Mapping[str, Any]) -> dict[str, int]:
    """Names and lengths of the vectors of a dense system."""
    if not 1 <= len(coordinates) <= MAX_COORDINATES:
        raise InvalidArgument(
            f"coordinates: got {len(coordinates)} vectors; 1 to {MAX_COORDINATES} are allowed, as in {{'v': 64}}."
        )
    total = 0
    for name, length in coordinates.items():
        total += length if isinstance(length, int) else 0
        if total > MAX_COMPONENTS:
            behind = "" if total == length else f" behind {total - length} others"
            raise InvalidArgument(
                f"coordinates: got length {length} for {name!r}{behind}; at most {MAX_COMPONENTS} is allowed."
            )
    for each in (*coordinates, *parameters):
        check_name(each)
    return dict(coordinates)


def array(name: str, value: Any) -> Any:
    """A number as float, anything else as an array of finite numbers."""
    if isinstance(value, str | bool):
        raise InvalidArgument(f"{name}: got {value!r}; a number or an array is needed.")
    try:
        made = unpack(value) if is_packed(value) else np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgument(f"{name}: got {value!r:.80}; a number or an array of numbers is needed.") from None
    if not np.isfinite(made).all():
        raise InvalidArgument(f"{name}: holds a number that is not finite.")
    if made.ndim == 0:
        return float(made)
    made.flags.writeable = False
    return made


def mobility_of(value: Any, vectors: Sequence[str]) -> Any:
    """Text or a number as it is, nested lists as an array; a mapping of these likewise, from vectors in their order."""
    if is_root(value):
        return {str(key): scalar(entry) for key, entry in value.items()}
    if is_by_name(value, vectors) and not is_packed(value):
        named = in_order("mobility", value, vectors)
        return {key: _array_or_text(f"mobility.{key}", entry) for key, entry in named.items()}
    if isinstance(value, Mapping) and not is_packed(value):
        return {str(key): array(f"mobility.{key}", entry) for key, entry in value.items()}
    return _array_or_text("mobility", value)


def drift_of(value: Any, vectors: Sequence[str]) -> Any:
    """Text of one vector; of several a mapping, in the vectors' order."""
    if not is_by_name(value, vectors):
        return value
    return {key: scalar(entry) for key, entry in in_order("drift", value, vectors).items()}


def retraction_of(value: Any, vectors: Sequence[str]) -> dict[str, Any]:
    """Texts in the order of the vectors."""
    return {key: scalar(entry) for key, entry in in_order("retraction", value, vectors).items()}


def _array_or_text(name: str, value: Any) -> Any:
    if is_root(value):
        return {str(key): scalar(entry) for key, entry in value.items()}
    return value if isinstance(value, str | int | float) else array(name, value)


def is_function(value: Any) -> bool:
    """Whether a system's argument is, or holds, a Python function."""
    if isinstance(value, tuple | list):
        return any(map(is_function, value))
    return callable(value) and not hasattr(value, "free_symbols")


def nested(value: Any) -> Any:
    """Lists as tuples, numbers as Python's own."""
    value = value.item() if isinstance(value, np.generic) else value
    return tuple(map(nested, value)) if isinstance(value, tuple | list) else value


def plain(value: Any) -> Any:
    """Arrays and tuples as nested lists, long arrays packed; a function as its name."""
    if callable(value):
        return {"function": getattr(value, "__name__", repr(value))}
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= LONGEST_LIST else pack(value)
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, tuple | list) else value


def walls_of(walls: Mapping[str, Any], names: Sequence[str]) -> dict[str, Wall]:
    """Walls by coordinate, in their order, from walls or from the plain data of a stored run."""
    made = {}
    is_vector = isinstance(names, Components)
    known = tuple(names.vector) if isinstance(names, Components) else names
    for key, wall in walls.items():
        if key not in known:
            all_alike = " All components of a vector have the same walls, under its name." if is_vector else ""
            raise InvalidArgument(f"walls: unknown coordinate {key!r}{did_you_mean(key, known)}.{all_alike}")
        if isinstance(wall, Mapping) and set(wall) - {"reflects"} == {"kind", "lower", "upper"}:
            wall = Wall.from_dict(wall)
        if not isinstance(wall, Wall):
            raise InvalidArgument(
                f"walls: got {wall!r} for {key!r}; give periodic(a, b), reflecting(a, b) or absorbing(a, b)."
            )
        if is_vector and wall.kind != "reflecting":
            raise InvalidArgument(
                f"walls: got {wall.kind} ones for the vector {key!r}; it takes reflecting(a, b) alone in this version. "
                f"Give up to {MAX_COORDINATES} coordinates by name for others."
            )
        made[key] = wall
    return {name: made[name] for name in known if name in made}


def require_normal_walls(walls: Mapping[str, Any], retraction: Mapping[str, Any], derived: DenseDerived) -> None:
    """Refuse walls of vectors that also return to a manifold, or whose co-normal K n is not the normal n."""
    if both := walls.keys() & retraction.keys():
        raise InvalidArgument(f"retraction: {min(both)!r} has walls too; a vector has one of them.")
    if walls and (derived.noise_shapes or walls.keys() & derived.roots.keys()):
        raise InvalidArgument(
            "walls: got those of a vector whose mobility is a matrix; particles turn back along K n, which for a "
            "scalar or a diagonal K alone is the wall's normal. Give K as one of these, or up to "
            f"{MAX_COORDINATES} coordinates by name."
        )


def number(name: str, value: Any) -> float:
    """A finite number."""
    try:
        result = np.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = np.nan
    if not np.isfinite(result):
        raise InvalidArgument(f"{name}: got {_short(value)}; a finite number is needed.")
    return result


def at_least_zero(name: str, value: Any) -> float:
    """A finite number that is not negative."""
    try:
        found = number(name, value)
    except InvalidArgument:
        found = -1.0
    if found < 0:
        raise InvalidArgument(f"{name}: got {value!r}; a number ≥ 0 is needed.")
    return found


def above_zero(name: str, value: Any) -> float:
    """A finite number above 0."""
    if (found := number(name, value)) <= 0:
        raise InvalidArgument(f"{name}: got {value!r}; a number above 0 is needed.")
    return found


def temperature_of(value: Any) -> float:
    """A number that is not negative."""
    temperature = number("temperature", value)
    if temperature < 0:
        raise InvalidArgument(f"temperature: got {value}; it must be at least 0.")
    return temperature


def _short(value: Any) -> str:
    return "a number beyond float64" if isinstance(value, int) and not isinstance(value, bool) else f"{value!r:.80}"


def scalar(value: Any) -> Any:
    """Text and numbers as Python's own; a SymPy expression as text."""
    if hasattr(value, "free_symbols"):
        from langevin_kit.system.derive import text_of

        return text_of(value)
    return value.item() if isinstance(value, np.generic) else value


def matrix(mobility: Any, d: int) -> Any:
    """A scalar as it is, or a d-tuple of rows of d; K = D + U Uᵀ, from a mapping of its parts, is written out."""
    if isinstance(mobility, Mapping):
        return _written_out(mobility, d)
    mobility = mobility.tolist() if hasattr(mobility, "tolist") else mobility
    if isinstance(mobility, str | int | float) or hasattr(mobility, "free_symbols"):
        return scalar(mobility)
    if not isinstance(mobility, Sequence) or not all(isinstance(row, Sequence) and row for row in mobility):
        raise InvalidArgument(f"mobility: got {mobility!r}; text, a number, or a nested list of these is needed.")
    if any(isinstance(row, str) for row in mobility):
        raise InvalidArgument(f"mobility: got {list(mobility)}; a matrix is a list of rows, as in [['1 + x**2']].")
    if len(mobility) != d or any(len(row) != d for row in mobility):
        lengths = [len(row) for row in mobility]
        raise InvalidArgument(f"mobility: got rows of lengths {lengths}; allowed are a scalar or a {d} × {d} matrix.")
    return tuple(tuple(scalar(entry) for entry in row) for row in mobility)


def _written_out(mobility: Mapping[str, Any], d: int) -> Any:
    if set(mobility) != {"diagonal", "factor"}:
        got = ", ".join(map(repr, mobility))
        raise InvalidArgument(f"mobility: got the keys {got}; 'diagonal' and 'factor' are needed, for K = D + U Uᵀ.")
    D, U = (value.tolist() if hasattr(value, "tolist") else value for value in mobility.values())
    D, U = (D, U) if next(iter(mobility)) == "diagonal" else (U, D)
    D = D if isinstance(D, Sequence) and not isinstance(D, str) else [D] * d
    rows = [row if isinstance(row, Sequence) and not isinstance(row, str) else [row] for row in U]
    if len(D) != d or len(rows) != d or len({len(row) for row in rows}) != 1:
        raise InvalidArgument(
            f"mobility: a diagonal of {d} entries, or one for all, and a factor of {d} rows are needed."
        )
    U = [[f"({scalar(u)})" for u in row] for row in rows]

    def entry(a: int, b: int) -> str:
        products = [f"{u}*{v}" for u, v in zip(U[a], U[b], strict=True)]
        return " + ".join([str(scalar(D[a])), *products] if a == b else products)

    return tuple(tuple(entry(a, b) for b in range(d)) for a in range(d))


def vector(drift: Any, d: int) -> tuple[Any, ...] | None:
    """One text or number for each coordinate, or None."""
    if drift is None:
        return None
    drift = drift.tolist() if hasattr(drift, "tolist") else drift
    rows = (drift,) if isinstance(drift, str | int | float) or hasattr(drift, "free_symbols") else drift
    if not isinstance(rows, Sequence) or len(rows) != d:
        got = f"{len(rows)} entries" if isinstance(rows, Sequence) else repr(drift)
        raise InvalidArgument(f"drift: got {got}; one text or number for each of the {d} coordinates is needed.")
    return tuple(scalar(b) for b in rows)
