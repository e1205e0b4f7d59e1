"""What small noise adds to the mean of an observable, such as a loss."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_kit.errors import InvalidArgument
from langevin_kit.estimate._small_noise import START, VARIABLES, checked
from langevin_kit.observables.rows import own_symbols, read, read_vector
from langevin_kit.observables.variables import COMPONENT, TIME
from langevin_kit.system import System, fields
from langevin_kit.system.dense import Vector
from langevin_kit.system.functions import JUMPING
from langevin_kit.system.linear_noise import linear_noise

Floats = NDArray[np.float64]


def expected_slope(
    system: System, expansion: xr.Dataset, observable: str, *, parameters: Mapping[str, Any] | None = None
) -> xr.DataArray:
    r"""What noise adds to the mean of an observable L, such as a loss: its slope in T at T = 0, exactly.

    .. math:: \frac{d⟨L⟩}{dT} = ∇L·y + \tfrac12 \mathrm{tr}(∂²L\, Σ)

    Parameters
    ----------
    system : System
    expansion : Dataset
        From `small_noise` with this system, or what is selected of its times and starts.
    observable : str
        L(x, t), as in `langevin_kit.observables.mean`, but smooth.
    parameters : mapping, optional
        Other values of the system's parameters; L may have other ones than the path.

    Returns
    -------
    DataArray (time, [start])

    Raises
    ------
    InvalidArgument, InvalidExpression

    Examples
    --------
    >>> from langevin_kit.estimate import small_noise
    >>> system = System(energy="x**2/2", temperature=0.1)  # ⟨x²⟩ = x(t)² + T (1 − e⁻²ᵗ)
    >>> found = small_noise(system, [1.0], [0.0, 0.5])
    >>> expected_slope(system, found, "x**2").round(6).values
    array([0.      , 0.632121])
    """
    system = checked(system, parameters)
    noise = _observable_noise(system, observable)
    missing = [name for name in (*VARIABLES, TIME) if name not in expansion]
    if missing or expansion.sizes[COMPONENT] != system.n_dim:
        raise InvalidArgument("expansion: what `small_noise` gives for this system is needed.")
    if TIME not in expansion.dims:
        return expected_slope(system, expansion.expand_dims(TIME), observable).isel({TIME: 0})
    several = START in expansion.dims
    order = (TIME, *([START] if several else []))
    parts = [expansion[name].transpose(TIME, *dims, *order[1:]).values for name, (dims, *_) in VARIABLES.items()]
    slopes = [noise(*each, t)[1][0] for *each, t in zip(*parts, expansion[TIME].values, strict=True)]
    about = {"long_name": f"slope of the mean of {observable} in T, at T = 0"}
    coordinates = {name: expansion[name] for name in order if name in expansion.coords}
    return xr.DataArray(np.array(slopes), coordinates, order, attrs=about)


def _observable_noise(system: System, text: str) -> Any:
    where = "observable"
    refusal = InvalidArgument(
        f"{where}: got {text!r}, which may jump, or its slope; its mean has no such slope. Take a smooth one, as "
        "1/(1 + exp(-50*x)) for x > 0."
    )
    if isinstance(system.content, Vector):
        from langevin_kit.system.dense.graph import jumps

        node = read_vector(system, text, where)
        if jumps(node):
            raise refusal
        return partial(system.content.scalar_noise, node)
    expression, derived = read(system, text, where), system.derived
    if expression.has(*JUMPING):
        raise refusal
    if system.functions is not None and expression.free_symbols & {*own_symbols(system).values()}:
        raise InvalidArgument(f"{where}: got {text!r}, with the energy of Python functions; write the energy as text.")
    source = derived.array_function("slopes", [expression.diff(x) for x in derived.coordinates])
    slopes = fields.compiled(source)["slopes"]

    def noise(x: Floats, sigma: Floats, y: Floats, t: float) -> tuple[Floats, Floats]:
        def along(x: Any, v: Any) -> Any:
            values = slopes(np.float64(t), *x, *map(np.float64, system.content.values))
            return sum(s * w for s, w in zip(values, v, strict=True))[None]

        return linear_noise(along, x, sigma, y)

    return noise
