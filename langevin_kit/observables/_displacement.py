r"""Mean-square displacement :math:`⟨|x(t) − x(0)|²⟩`: 2dDt for free diffusion in d dimensions (Einstein 1905)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from langevin_kit.errors import InvalidArgument
from langevin_kit.observables._kind import Finish
from langevin_kit.observables.rows import Rows, Sums
from langevin_kit.observables.variables import TIME, Variable


@dataclass(frozen=True)
class MeanSquareDisplacement:
    """⟨|x(t) − x(0)|²⟩ with its standard error."""

    of: tuple[str, ...] | None
    kind: ClassVar[str] = "mean_square_displacement"

    def plan(self, rows: Rows, where: str) -> Finish:
        """Ask for the mean and the variance of the squared displacement."""
        row = rows.squared_displacement(self.of, where)
        variance = rows.pair(row, row)

        def finish(sums: Sums) -> dict[str, Any]:
            return {"": sums.mean[row], "_stderr": sums.stderr(variance)}

        return finish

    def variables(self, name: str) -> Mapping[str, Variable]:
        """The displacement and its standard error."""
        over = self.of or ()
        label = f"mean-square displacement{' of ' if over else ''}{', '.join(over)}"
        return {
            "": Variable((TIME,), label, "coordinate²", over),
            "_stderr": Variable((TIME,), f"standard error of the {label}", "coordinate²", over),
        }


def mean_square_displacement(of: str | Sequence[str] | None = None) -> MeanSquareDisplacement:
    r"""Mean-square displacement since the start of the run.

    .. math:: \frac1n \sum_p |x_p(t) − x_p(0)|^2

    Parameters
    ----------
    of : str or sequence of str, optional
        One or more coordinates; all if left out.

    Returns
    -------
    MeanSquareDisplacement
        Variables `name` and `name_stderr`, both (time,). The run keeps the start of each particle, in the dtype of the
        state.

    Raises
    ------
    InvalidArgument
        For anything but distinct names.

    Notes
    -----
    Free diffusion with D = T K has 2dDt (Einstein 1905), and Euler–Maruyama has it exactly.

    Examples
    --------
    >>> mean_square_displacement("x")
    MeanSquareDisplacement(of=('x',))
    """
    if of is None:
        return MeanSquareDisplacement(None)
    names = (of,) if isinstance(of, str) and of else tuple(of) if isinstance(of, Sequence) else ()
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise InvalidArgument(f"of: got {of!r}; a coordinate, a list of distinct ones, or nothing for all is needed.")
    return MeanSquareDisplacement(names)
