"""Which scheme is the cheapest for averages, and by how much?

A scheme that samples a law is off by a bias that falls with the time step: as Δt for Euler–Maruyama, as Δt² for others.
What counts is not the order but the CPU time that an accuracy costs. So for each scheme the largest time step is sought
whose bias is below ε = 10⁻³, and its compiled step is timed. Seconds a step over Δt are what one particle and one unit
of physical time cost; how many units an average needs is told by the autocorrelation time of the equation, and is the
same for every scheme.

The system is a particle on a ring, with a mobility that depends on position and with a constant one. The bias is the
norm of the errors of ⟨cos x⟩, ⟨sin x⟩ and ⟨cos 2x⟩. Nothing is sampled: on a ring the law of a scheme is the null
vector of its transfer operator. CPU times are measured in turns, since other work on the machine disturbs them.

Expected: the best scheme takes at most 1/10 of Euler–Maruyama's CPU time where K depends on position, and 1/50 where K
is constant.

Run it:  python scenarios/schemes.py            (about a minute; writes schemes.png)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import langevin_kit as lk
from langevin_kit import plot
from langevin_kit.schemes import SCHEMES, able

ENERGY = "1.2*cos(x) + 0.4*sin(2*x)"
MOBILITIES = {"K = 1 + 0.6 sin x": ("1 + 0.6*sin(x)", 10), "K = 1": (1.0, 50)}
BIAS = 1e-3
TIME_STEPS = (0.2, 0.1, 0.05, 0.025, 0.0125)
BIASED = [name for name, scheme in SCHEMES.items() if np.isfinite(scheme.average_order) and not scheme.loop]


def main(schemes: Sequence[str] = BIASED, rounds: int = 25, figure: str = "schemes.png") -> dict[str, float]:
    """Measure orders and costs of the schemes for both mobilities."""
    numbers, studies = {}, {}
    for name, (mobility, times) in MOBILITIES.items():
        # ------------------------------------------------------------------------------- the system, and both studies
        ring = {"x": lk.periodic(0.0, 2 * np.pi)}
        system = lk.System(energy=ENERGY, mobility=mobility, temperature=1.0, walls=ring)
        known = [scheme for scheme in schemes if scheme in able(system)]
        order = lk.order_study(system, known, time_steps=TIME_STEPS)
        cost = lk.cost_to_accuracy(system, known, bias=BIAS, rounds=rounds)

        # -------------------------------------------------------------------------------------------------- the table
        print(
            f"{name}: bias below {BIAS:g}, {cost.attrs['dtype']}, one thread, medians and quartiles of {rounds} rounds"
        )
        print("  scheme                  order          Δt     ns/step   CPU time, of Euler–Maruyama's")
        for scheme in cost.scheme.values[np.argsort(cost.cost_ratio.values[:, 0])]:
            at, of = cost.sel(scheme=scheme).isel(bias=0), order.sel(scheme=scheme)
            low, middle, high = (100 * float(at[f"cost_ratio{end}"]) for end in ("_low", "", "_high"))
            print(
                f"  {scheme:20s} {float(of.order):5.2f} ± {float(of.order_error):.2f} {float(at.time_step):10.5f} "
                f"{1e9 * float(at.step_seconds):9.2f}   {middle:6.2f} % ({low:.2f} to {high:.2f})"
            )
            numbers[f"{name}, {scheme}: order"] = float(of.order)
            numbers[f"{name}, {scheme}: time step"] = float(at.time_step)

        # ------------------------------------------------------------------------------------------------ the verdict
        best = cost.isel(scheme=int(cost.cost_ratio.values[:, 0].argmin()), bias=0)
        ratio, upper = 1 / float(best.cost_ratio), 1 / float(best.cost_ratio_high)
        said = "as expected" if upper >= times else "NOT as expected" if ratio < times else "too noisy to tell"
        print(f"  {best.scheme.item()} takes 1/{ratio:.1f} (upper quartile 1/{upper:.1f}); at most 1/{times}: {said}")
        studies[name] = order, cost

    plot.schemes(studies, figure)
    return numbers


if __name__ == "__main__":
    main()
