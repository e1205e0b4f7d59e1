"""The code cache: hit by the next process, missed after any edit, and never trusted or depended on."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numba
import pytest

from langevin_kit.cache import modules as cache
from langevin_kit.kernels.jit import inline

SOURCE = """\
from langevin_kit.kernels.jit import cached_driver

@cached_driver
def scaled(x):
    return 3.0*x
"""

IN_ANOTHER_PROCESS = """\
import sys
from pathlib import Path
from langevin_kit.cache import load
module = load(Path(sys.argv[1]).read_text())
print(module.scaled(2.0), sum(module.scaled.stats.cache_hits.values()), sum(module.scaled.stats.cache_misses.values()))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "code"
    monkeypatch.setenv("LANGEVIN_CACHE_DIR", str(path))
    cache._load.cache_clear()
    yield path
    cache._load.cache_clear()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.py"))


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*.partial"))


def is_in_memory(caplog: pytest.LogCaptureFixture) -> bool:
    """One warning, and the module works."""
    with caplog.at_level(logging.WARNING):
        module = cache.load(SOURCE)
    assert "compiled code is kept in memory only" in caplog.text
    assert module.scaled(2.0) == 6.0
    return module.__dict__.get("__file__") is None


def test_the_next_process_finds_the_machine_code(folder: Path, tmp_path: Path) -> None:
    assert cache.load(SOURCE).scaled(2.0) == 6.0
    (tmp_path / "source.txt").write_text(SOURCE)
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(tmp_path / "source.txt")]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    assert answer.stdout.split() == ["6.0", "1", "0"]
    assert len(names(folder)) == 1
    assert not leftovers(folder)


def test_two_processes_may_compile_one_module_at_once(folder: Path, tmp_path: Path) -> None:
    """Both get the right answer from an empty cache; what they leave is whole, and the next one compiles nothing."""
    (tmp_path / "source.txt").write_text(SOURCE)
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(tmp_path / "source.txt")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        out, complaint = process.communicate(timeout=300)
        assert (process.returncode, complaint) == (0, "")
        assert out.split()[0] == "6.0"
    third = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    assert third.stdout.split() == ["6.0", "1", "0"]
    assert len(names(folder)) == 1
    assert not leftovers(folder)


def test_same_module_within_a_process(folder: Path) -> None:
    assert cache.load(SOURCE) is cache.load(SOURCE)
    assert cache.load(SOURCE) is not cache.load(SOURCE + "# other\n")
    assert len(names(folder)) == 2


def test_folder_is_private(folder: Path) -> None:
    cache.load("x = 1\n")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_another_fingerprint_is_another_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.load("x = 1\n")
    monkeypatch.setattr(cache, "_fingerprint", lambda: b"an edited kernel")
    cache._load.cache_clear()
    cache.load("x = 1\n")
    assert len(names(folder)) == 2


def test_the_fingerprint_sees_sources_options_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = cache._fingerprint.__wrapped__
    seen = [fingerprint()]
    (tmp_path / "jit.py").write_text("a = 1\n")
    monkeypatch.setattr(cache.langevin_kit.kernels, "__path__", [str(tmp_path)])
    seen.append(fingerprint())
    (tmp_path / "jit.py").write_text("a = 2\n")
    seen.append(fingerprint())
    (tmp_path / "jit.py").rename(tmp_path / "tij.py")
    seen.append(fingerprint())
    monkeypatch.setattr(cache, "OPTIONS", {**cache.OPTIONS, "fastmath": True})
    seen.append(fingerprint())
    monkeypatch.setattr(numba, "__version__", "0.0")
    seen.append(fingerprint())
    assert len(set(seen)) == len(seen)


CALLS_USER = """\
from langevin_kit.kernels.jit import cached_driver

@cached_driver
def twice(x):
    return 2.0*user_0(x)
"""


def test_injected_functions_are_keyed_by_their_fingerprint(folder: Path) -> None:
    def loaded(factor: float, fingerprint: bytes | None) -> ModuleType:
        return cache.load(CALLS_USER, {"user_0": inline(lambda x: factor * x)}, fingerprint)

    first, second = loaded(1.0, b"1"), loaded(5.0, b"5")
    assert (first.twice(3.0), second.twice(3.0)) == (6.0, 30.0)
    assert loaded(1.0, b"1") is first
    assert len(names(folder)) == 2


def test_injected_functions_without_a_fingerprint_stay_in_memory(folder: Path) -> None:
    functions = [{"user_0": inline(lambda x, k=k: k * x)} for k in (1.0, 5.0)]
    modules = [cache.load(CALLS_USER, f, None) for f in functions]
    assert [m.twice(3.0) for m in modules] == [6.0, 30.0]
    assert cache.load(CALLS_USER, functions[0], None) is modules[0]
    assert not folder.exists() or not names(folder)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="modes are of POSIX")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_folder_writable_by_others(folder: Path, mode: int, caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir()
    folder.chmod(mode)
    assert is_in_memory(caplog)
    assert "writable by others" in caplog.text
    assert not list(folder.iterdir())


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners are of POSIX")
def test_foreign_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir()
    owner = folder.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert is_in_memory(caplog)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_place_of_the_folder(
    folder: Path, below: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("mine")
    monkeypatch.setenv("LANGEVIN_CACHE_DIR", str(folder / below))
    assert is_in_memory(caplog)
    assert folder.read_text() == "mine"


@pytest.mark.parametrize(
    "broken",
    [
        "tempfile.TemporaryDirectory",
        "pathlib.Path.replace",
    ],
)
def test_a_full_disc(
    folder: Path, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(broken, fail)
    assert is_in_memory(caplog)
    assert not leftovers(folder)


@pytest.mark.parametrize(
    "tampered",
    [
        b"raise AssertionError('tampered code was run')\n",
        b"",
        SOURCE.encode()[:-20],
        b"\xff\xfe\x00 not text",
    ],
)
def test_tampered_text_is_replaced(folder: Path, tampered: bytes) -> None:
    cache.load(SOURCE)
    (path,) = folder.glob("*.py")
    path.write_bytes(tampered)
    cache._load.cache_clear()
    assert cache.load(SOURCE).scaled(2.0) == 6.0
    assert path.read_text() == SOURCE
    assert not leftovers(folder)


def test_a_cached_file_that_is_a_folder(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache.load(SOURCE)
    (path,) = folder.glob("*.py")
    path.unlink()
    path.mkdir()
    cache._load.cache_clear()
    assert is_in_memory(caplog)


def test_the_least_recently_used_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_MODULES", 3)
    made: list[Path] = []
    for k in range(6):
        cache.load(f"x = {k}\n")
        made += set(folder.glob("*.py")) - set(made)
        # The times of access are set, since a file system may keep none.
        os.utime(made[-1], (1e9 + k, 1e9 + k))
        (folder / "__pycache__").mkdir(exist_ok=True)
        (folder / "__pycache__" / f"{made[-1].stem}.scaled-4.py311.nbi").touch()
    assert set(folder.glob("*.py")) == set(made[-3:])
    stems = {path.stem for path in made[-3:]}
    assert {path.name.split(".")[0] for path in (folder / "__pycache__").iterdir()} == stems
    assert not leftovers(folder)


def test_use_makes_a_module_recent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_MODULES", 3)
    for k in range(3):
        cache.load(f"x = {k}\n")
    for path in folder.glob("*.py"):
        k = int(path.read_text()[4:])
        os.utime(path, ns=(10**18 + k * 10**9, 10**18 + k * 10**9))
    cache._load.cache_clear()
    cache.load("x = 0\n")
    cache.load("x = 3\n")
    assert {path.read_text() for path in folder.glob("*.py")} == {"x = 0\n", "x = 2\n", "x = 3\n"}
    assert min(path.stat().st_mtime_ns for path in folder.glob("*.py")) == 10**18, "numba asks for the time of change"


def test_a_module_that_another_process_prunes_while_it_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache.load(SOURCE)
    (path,) = folder.glob("*.py")
    cache._load.cache_clear()
    usual = cache.texts.touch

    def pruned(path: Path) -> None:
        usual(path)
        path.unlink()

    monkeypatch.setattr("langevin_kit.cache.texts.touch", pruned)
    module = cache.load(SOURCE)
    assert module.scaled(2.0) == 6.0
    assert str(path) in caplog.text


def test_a_module_pruned_between_its_text_and_its_functions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python holds the byte code already, numba asks for the text that is gone."""
    source = f"from pathlib import Path\nfor p in Path({str(folder)!r}).glob('*.py'): p.unlink()\n{SOURCE}"
    assert cache.load(source).scaled(2.0) == 6.0


def test_a_file_that_another_process_removes_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that leads nowhere is listed, and cannot be looked at: as a file that is gone between the two."""
    monkeypatch.setattr(cache, "MAX_MODULES", 3)
    folder.mkdir(mode=0o700)
    (folder / "langevin_kit_generated_gone.py").symlink_to(folder / "gone")
    for k in range(4):
        assert cache.load(f"x = {k}\n").x == k
    assert len(list(folder.glob("*.py"))) == 3
    assert not (folder / "langevin_kit_generated_gone.py").is_symlink()
