"""What README says of the kernels for CUDA is what the registry holds them to."""

from __future__ import annotations

from pathlib import Path

from langevin_kit.testing.cuda_registry import table
from langevin_kit.testing.sass import instruction_bound

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_readme_shows_the_budgets() -> None:
    """Put `table()` between the marks, if it does not."""
    shown = README.split("<!-- cuda:begin -->\n")[1].split("\n<!-- cuda:end -->")[0]
    assert shown == table()


def test_readme_predicts_what_follows_from_them() -> None:
    for instructions, said in ((23.25, "1.3·10¹²"), (117.0, "2.5·10¹¹"), (100.5, "3.0·10¹¹")):
        bound = instruction_bound(instructions, 132, 1.755e9)
        mantissa, exponent = f"{bound:.1e}".split("e+")
        assert said == f"{mantissa}·10{exponent.translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
        assert said in README
