"""A progress meter that the library calls and the caller provides."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol


class Progress(Protocol):
    """What a run tells its observer: how many steps there are, and how many are done."""

    def start(self, total: int, description: str) -> None:
        """Begin a run of `total` time steps."""

    def advance(self, steps: float) -> None:
        """Note that `steps` more time steps are done for every particle."""

    def stop(self) -> None:
        """End, also after an error."""


class Silent:
    """A meter that shows nothing."""

    def start(self, total: int, description: str) -> None:
        """Do nothing."""

    def advance(self, steps: float) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class Bar:
    """A bar on the terminal with the share done and the time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=Console(stderr=True))

    def start(self, total: int, description: str) -> None:
        """Show the bar."""
        self._task = self._bar.add_task(description, total=total)
        self._bar.start()

    def advance(self, steps: float) -> None:
        """Move the bar."""
        self._bar.advance(self._task, steps)

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._bar.stop()


class Watched:
    """Context manager around a meter: starts it, and stops it whatever happens."""

    def __init__(self, progress: Progress | bool | None, total: int, description: str) -> None:
        if isinstance(progress, bool | None):
            progress = Bar() if progress else Silent()
        self.meter: Progress = progress
        self._arguments = (total, description)

    def __enter__(self) -> Progress:
        self.meter.start(*self._arguments)
        return self.meter

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.meter.stop()
