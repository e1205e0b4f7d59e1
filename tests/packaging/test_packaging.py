from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMPORTABLE = [ROOT / "langevin_kit", ROOT / "kernels"]


def _python(code: str) -> Any:
    """Run code in a fresh interpreter that does not see the checkout, and return the JSON it prints last."""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}


def test_the_installed_package_is_the_tree() -> None:
    location = _python("import json, langevin_kit; print(json.dumps(langevin_kit.__path__[0]))")
    installed = Path(location)
    tree = _files(ROOT / "langevin_kit") | {f"kernels/{file}" for file in _files(ROOT / "kernels")}
    assert _files(installed) | {f"kernels/{file}" for file in _files(installed / "kernels")} == tree
    assert (installed / "py.typed").is_file()


def test_every_folder_of_the_package_is_listed() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        listed = tomllib.load(file)["tool"]["setuptools"]["packages"]
    folders = {path.parent for top in IMPORTABLE for path in top.rglob("*.py")}
    names = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    kernels = {name for name in names if name.split(".")[0] == "kernels"}
    assert listed == sorted((names - kernels) | {f"langevin_kit.{name}" for name in kernels})
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_kernels_is_a_link_in_git() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "-C", str(ROOT), "ls-files", "--stage", "langevin_kit/kernels"]
    entry = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert entry.split()[:1] == ["120000"]
    assert (ROOT / "langevin_kit" / "kernels").readlink() == Path("../kernels")


def test_no_file_is_long() -> None:
    files = [path for top in IMPORTABLE for path in top.rglob("*.py")]
    assert [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) >= 500] == []


def test_constraints_are_the_same_for_pip_and_uv() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        for_uv = tomllib.load(file)["tool"]["uv"]["constraint-dependencies"]
    for_pip = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert for_uv == for_pip


def test_constraints_name_versions_and_no_place() -> None:
    pin = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [a-z_]+ [<>=!]+ '[\w.]+')?")
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not pin.fullmatch(line)] == []


def test_import_loads_neither_numpy_nor_a_second_kernels() -> None:
    seen = _python("import json, sys, langevin_kit; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))")
    assert {"numpy", "numba", "kernels"}.isdisjoint(seen)


def test_every_module_imports_and_none_by_the_name_kernels() -> None:
    seen = _python(
        "import importlib, json, pkgutil, sys, langevin_kit\n"
        "for module in pkgutil.walk_packages(langevin_kit.__path__, 'langevin_kit.'):\n"
        "    if not module.name.endswith('.__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    assert "numba" in seen
    assert "kernels" not in seen


def test_help_imports_no_numpy() -> None:
    seen = _python(
        "import json, sys\n"
        "from langevin_kit.cli import main\n"
        "sys.argv = ['langevin', '--help']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    assert {"numpy", "numba", "xarray", "zarr", "matplotlib"}.isdisjoint(seen)
