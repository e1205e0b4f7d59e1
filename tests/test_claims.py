from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("claims_table", Path(__file__).with_name("claims_table.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _test_file(folder: Path, text: str) -> Path:
    tests = folder / "tests"
    tests.mkdir()
    (tests / "test_some.py").write_text(text, encoding="utf-8")
    return tests


def test_readme_shows_the_proven_claims(table: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    code = table.main(["--check"])
    assert code == 0, capsys.readouterr().err


def test_every_claim_has_one_id(table: ModuleType) -> None:
    ids = [claim["id"] for claim in table.read_claims()]
    assert len(ids) == 115
    assert len(set(ids)) == len(ids)


def test_every_marked_id_is_a_claim(table: ModuleType) -> None:
    assert table.find_proofs().keys() <= {claim["id"] for claim in table.read_claims()}


def test_marks_are_found_on_functions_classes_and_parameters(table: ModuleType, tmp_path: Path) -> None:
    tests = _test_file(
        tmp_path,
        '@pytest.mark.claim("A01", "A02")\ndef test_one(): ...\n'
        '@pytest.mark.claim("A01")\nclass TestTwo:\n'
        '    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.claim("A03"))])\n'
        "    def test_three(self, x): ...\n",
    )
    assert table.find_proofs(tests) == {
        "A01": ["tests/test_some.py::test_one", "tests/test_some.py::TestTwo"],
        "A02": ["tests/test_some.py::test_one"],
        "A03": ["tests/test_some.py::TestTwo::test_three"],
    }


@pytest.mark.parametrize(
    "text",
    [
        'pytestmark = pytest.mark.claim("A01")\n',
        "@pytest.mark.claim(ID)\ndef test_one(): ...\n",
        "@pytest.mark.claim()\ndef test_one(): ...\n",
    ],
    ids=["not a decorator", "not a literal", "no id"],
)
def test_a_mark_that_cannot_be_read_is_refused(table: ModuleType, tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"tests/test_some\.py:1: a claim mark"):
        table.find_proofs(_test_file(tmp_path, text))


def test_table_counts_the_proven(table: ModuleType) -> None:
    claims = [{"id": "A01", "item": "|x| grows"}, {"id": "A02", "item": "y"}]
    text = table.render(claims, {"A01": ["tests/test_some.py::test_one"]})
    assert text.splitlines()[-3:] == ["| A01 | \\|x\\| grows | `tests/test_some.py::test_one` |", "", "proven 1 of 2"]
    assert table.render(claims, {}) == "proven 0 of 2"
    with pytest.raises(ValueError, match=r"A09 \(tests/test_some\.py::test_one\)"):
        table.render(claims, {"A09": ["tests/test_some.py::test_one"]})


def test_readme_without_a_place_for_the_table_is_refused(table: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"README\.md needs one line"):
        table.refresh("no marks", "table")
    marked = f"a\n{table.BEGIN}\nold\n{table.END}\nb\n"
    assert table.refresh(marked, "new") == marked.replace("old", "new")
