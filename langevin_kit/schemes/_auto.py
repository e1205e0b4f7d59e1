"""`scheme="auto"`: the best scheme that a system can take, by what it is for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from langevin_kit.errors import InvalidArgument, did_you_mean
from langevin_kit.schemes._glauber import GLAUBER
from langevin_kit.schemes._needs import NEEDS, able, require_scheme
from langevin_kit.schemes._registry import SCHEMES, scheme_from
from langevin_kit.schemes._scheme import Scheme
from langevin_kit.system import System

logger = logging.getLogger(__name__)

BEST: dict[str, tuple[tuple[str, ...], ...]] = {
    "paths": (("rk4",), ("ornstein_uhlenbeck",), ("baoab",), ("milstein",)),
    "transients": (("rk4",), ("ornstein_uhlenbeck",), ("baoab",), ("heun", "constant S"), ("platen",)),
    "averages": (
        *(("rk4",), ("ornstein_uhlenbeck",), ("baoab",), ("leimkuhler_matthews",), ("pvd2",), ("mala",)),
        *(("heun", "constant S"), ("platen",)),
    ),
}
"""What a run is for → schemes, the best first, with what they ask of a system beside their own needs. Else, and in
`JUMPS`, those that take every system."""

JUMPS = (("hanggi_klimontovich",), ("mala",))
"""Where K may jump."""


def scheme_for(scheme: str | Scheme | Mapping[str, Any], system: System) -> Scheme:
    """Look a scheme up, or choose one, for a system.

    ``"auto"``, or ``{"name": "auto", "need": need}``, chooses by need, which is "paths" (of single particles),
    "transients" (of averages; this if left out) or "averages" (over the stationary law).

    Raises
    ------
    InvalidArgument
        For a scheme or a need that is unknown, or a scheme that is wrong for the system.

    Examples
    --------
    >>> scheme_for({"name": "auto", "need": "averages"}, System(energy="x**4", temperature=1.0)).name
    'leimkuhler_matthews'
    """
    given = {"name": scheme} if isinstance(scheme, str) else scheme if isinstance(scheme, Mapping) else {}
    options = {key: value for key, value in given.items() if value is not None}
    need = need_of(options)
    if system.facts.is_spins and (need or scheme == "euler_maruyama"):  # which `simulate` takes if nothing is said
        return GLAUBER
    if need is None:
        chosen = scheme_from(options or scheme)
        require_scheme(chosen, system)
        return chosen
    can = able(system)
    ranked = JUMPS if system.facts.may_jump and system.temperature else BEST[need]
    fit = (name for name, *more in ranked if name in can and all(NEEDS[key][0](system) for key in more))
    chosen = SCHEMES[next(fit, "euler_maruyama")]
    logger.info("scheme 'auto' for %s: %s (%s)", need, chosen.name, chosen.use)
    return chosen


def need_of(options: Mapping[str, Any]) -> str | None:
    """The need of an "auto", or None if it is another scheme's options.

    Raises
    ------
    InvalidArgument
    """
    if options.get("name") != "auto":
        return None
    plain = {"noise": "gaussian", "halved": False, "need": options.get("need")}
    unknown = [key for key, value in options.items() if key != "name" and plain.get(key, ...) != value]
    if unknown:
        raise InvalidArgument(f"scheme: 'auto' takes the option 'need' alone; got {unknown[0]!r}.")
    need = options.get("need") or "transients"
    if need not in BEST:
        raise InvalidArgument(f"scheme.need: got {need!r}{did_you_mean(str(need), BEST)}.")
    return str(need)
