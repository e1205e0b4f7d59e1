"""How much memory there is: a job on a cluster, or in a container, has less than the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
"""Where Linux lists the groups of this process, as number:controllers:path."""

LIMITS = Path("/sys/fs/cgroup")
"""Where it shows their limits."""

_WHERE = {"": ("", "memory.max"), "memory": ("memory", "memory.limit_in_bytes")}
"""Controllers of a group, none in version 2 → where its limit stands."""


def available_memory() -> float:
    """Bytes that this process may have: of the machine, of its groups, of `ulimit -v`; infinite if nothing is known."""
    return min([float("inf"), *_of_machine(), *_of_process(), *_of_groups()])


def _of_machine() -> Iterator[float]:
    with suppress(AttributeError, ValueError, OSError):
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _of_process() -> Iterator[float]:
    with suppress(ImportError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            yield soft


def _of_groups() -> Iterator[float]:
    """Of both versions of groups; one within another has the limits of both."""
    with suppress(OSError, ValueError):
        for line in GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in _WHERE:
                continue
            folder, name = _WHERE[controllers]
            own = LIMITS / folder / path.lstrip("/")
            for group in (own, *own.parents):
                with suppress(OSError, ValueError):  # the root has none, and "max" is no number
                    yield int((group / name).read_text())
