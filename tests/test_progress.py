"""The meter is started once and stopped always, and what the caller gives is what is used."""

from __future__ import annotations

import pytest

from langevin_kit.progress import Bar, Progress, Silent, Watched


class Recorder:
    def __init__(self) -> None:
        self.calls: list[object] = []

    def start(self, total: int, description: str) -> None:
        self.calls.append((total, description))

    def advance(self, steps: float) -> None:
        self.calls.append(steps)

    def stop(self) -> None:
        self.calls.append("stop")


class Log(list[float]):
    """A meter that is empty at first, and so false."""

    def start(self, total: int, description: str) -> None:
        pass

    def advance(self, steps: float) -> None:
        self.append(steps)

    def stop(self) -> None:
        pass


def test_order_of_the_calls() -> None:
    meter = Recorder()
    with Watched(meter, 10, "steps") as watched:
        watched.advance(4.0)
        watched.advance(6.0)
    assert meter.calls == [(10, "steps"), 4.0, 6.0, "stop"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_stopped_after_an_error(kind: type[BaseException]) -> None:
    meter = Recorder()
    with pytest.raises(kind), Watched(meter, 10, "steps"):
        raise kind
    assert meter.calls == [(10, "steps"), "stop"]


@pytest.mark.parametrize("progress", [None, False])
def test_silent(progress: bool | None, capfd: pytest.CaptureFixture[str]) -> None:
    with Watched(progress, 10, "steps") as meter:
        assert isinstance(meter, Silent)
        meter.advance(10)
    assert capfd.readouterr() == ("", "")


def test_an_empty_meter_is_used() -> None:
    meter = Log()
    with Watched(meter, 10, "steps") as watched:
        watched.advance(10.0)
    assert meter == [10.0]


def test_bar_writes_to_stderr_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with Watched(True, 10, "double well") as meter:
        assert isinstance(meter, Bar)
        meter.advance(5)
        meter.advance(5)
    out, err = capfd.readouterr()
    assert out == ""
    assert "double well" in err
    assert "100 %" in err


def test_all_are_meters() -> None:
    meters: list[Progress] = [Silent(), Bar(), Recorder(), Log()]
    assert all(callable(getattr(meter, name)) for meter in meters for name in ("start", "advance", "stop"))
