"""Source of the functions that a model of Python functions with a reference measure has beside the others."""

from __future__ import annotations

_MEASURE = """
@inline
def model_measure({state}):
    return like({measure}, x0)

@inline
def model_log_measure_gradient({state}):
    m = model_measure({duals})
    return ({slopes},)
"""


def measure_source(state: str, measure: str, duals: str, d: int) -> str:
    """Source of μ and of ∂ₐ ln μ = ∂ₐμ/μ in d coordinates, generic in its numbers.

    Parameters
    ----------
    state, duals : str
        Arguments by their names, and as dual numbers.
    measure : str
        A call of the user's function, or a literal.
    """
    slopes = ", ".join(f"derivative(m, {a})/value(m)" for a in range(d))
    return _MEASURE.format(state=state, measure=measure, duals=duals, slopes=slopes)
