"""The table in README.md of the source claims that tests prove.

``python tests/claims_table.py`` rewrites the table, ``--check`` only compares. Tests are parsed and never imported, so
the table needs nothing but Python. A claim counts through a decorator: ``@pytest.mark.claim("C12")`` on a function or a
class, or the same mark inside a ``pytest.param`` of its ``parametrize``.
"""

from __future__ import annotations

import argparse
import ast
import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).resolve().parent
README = TESTS.parent / "README.md"
BEGIN = "<!-- claims:begin -->"
END = "<!-- claims:end -->"


def read_claims(path: Path = TESTS / "claims.csv") -> list[dict[str, str]]:
    """Return the rows in the order of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _marks(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.claim"):
            yield node


def _marked(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield the name of each decorated function or class, as pytest writes it, with each of its marks."""

    def visit(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.Call]]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for decorator in node.decorator_list:
                    yield from ((prefix + node.name, mark) for mark in _marks(decorator))
            if isinstance(node, ast.ClassDef):
                yield from visit(node.body, f"{prefix}{node.name}::")

    return visit(tree.body, "")


def find_proofs(folder: Path = TESTS) -> dict[str, list[str]]:
    """Map each claimed id to the tests that carry it; refuse a mark that cannot be read without running the file."""
    proofs: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        file = path.relative_to(folder.parent).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=file)
        marked = list(_marked(tree))
        unread = {mark.lineno for mark in _marks(tree)} - {mark.lineno for _, mark in marked}
        if unread:
            raise ValueError(f"{file}:{min(unread)}: a claim mark is read only from the decorators of a test")
        for name, mark in marked:
            ids = [argument.value for argument in mark.args if isinstance(argument, ast.Constant)]
            if not ids or len(ids) < len(mark.args) or mark.keywords or not all(isinstance(id_, str) for id_ in ids):
                raise ValueError(f'{file}:{mark.lineno}: a claim mark takes literal ids, as in claim("C12")')
            for id_ in ids:
                test = f"{file}::{name}"
                if test not in proofs[str(id_)]:
                    proofs[str(id_)].append(test)
    return dict(proofs)


def render(claims: list[dict[str, str]], proofs: dict[str, list[str]]) -> str:
    """Return the Markdown table and the line that counts the claims proven."""
    unknown = sorted(proofs.keys() - {claim["id"] for claim in claims})
    if unknown:
        raise ValueError(f"not an id of tests/claims.csv: {', '.join(f'{id_} ({proofs[id_][0]})' for id_ in unknown)}")
    proven = [claim for claim in claims if claim["id"] in proofs]
    rows = ["| claim | what the source says | proven by |", "| --- | --- | --- |"] if proven else []
    for claim in proven:
        tests = "<br>".join(f"`{test}`" for test in proofs[claim["id"]])
        rows.append(f"| {claim['id']} | {claim['item'].replace('|', chr(92) + '|')} | {tests} |")
    return "\n".join([*rows, "", f"proven {len(proven)} of {len(claims)}"]).lstrip()


def refresh(readme: str, table: str) -> str:
    """Return the README's text with the table between its two marks."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"README.md needs one line {BEGIN} and, after it, one line {END}")
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    """Rewrite README.md, or with ``--check`` only say whether it is stale."""
    parser = argparse.ArgumentParser(description="Write the table of proven claims into README.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when README.md is stale")
    options = parser.parse_args(arguments)
    try:
        present = README.read_text(encoding="utf-8") if README.exists() else ""
        fresh = refresh(present, render(read_claims(), find_proofs()))
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return 1
    if fresh == present:
        return 0
    if options.check:
        print("README.md is stale: run python tests/claims_table.py", file=sys.stderr)
        return 1
    README.write_text(fresh, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
