"""Every example in a docstring and every Python block of README.md runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import langevin_kit

README = Path(__file__).resolve().parents[1] / "README.md"


def modules() -> list[str]:
    found = pkgutil.walk_packages(langevin_kit.__path__, "langevin_kit.")
    return ["langevin_kit", *(module.name for module in found if not module.name.endswith("__main__"))]


@pytest.mark.parametrize("name", modules())
def test_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_docstrings_are_not_empty_of_examples() -> None:
    attempted = sum(len(test.examples) for name in modules() for test in doctest.DocTestFinder().find(
        importlib.import_module(name)))  # fmt: skip
    assert attempted > 40


def test_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
