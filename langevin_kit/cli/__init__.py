"""The command `langevin`. Modules here import numpy and the rest inside functions, so that ``--help`` is quick."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from langevin_kit import __version__
from langevin_kit.cli._check import check
from langevin_kit.cli._copies import export, replay
from langevin_kit.cli._restart import audit, resume
from langevin_kit.cli._run import run
from langevin_kit.cli._signals import Terminated, terminable
from langevin_kit.cli._stores import info, plot
from langevin_kit.cli._verify import verify
from langevin_kit.errors import LangevinKitError

REFUSED = 2
"""Exit code when nothing was computed or written: wrong usage, a faulty scenario, an output that exists."""

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes of a run that was stopped by Ctrl-C, or by SIGTERM, as a shell counts them."""

app = App(
    name="langevin",
    help="Very large Langevin ensembles, held to the Fokker–Planck equation they must obey.",
    version=__version__,
    default_parameter=Parameter(negative=(), show_default=False),
    suppress_keyboard_interrupt=False,
)
for command in (run, resume, check, verify, audit, plot, info, replay, export):
    app.command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the command's name; those of this process if left out.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a pipe in a narrow encoding must not end a run in its last line
    try:
        tokens = sys.argv[1:] if arguments is None else list(arguments)
        with terminable():
            code = app(tokens, exit_on_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError:
        return REFUSED
    except LangevinKitError as error:
        print(f"langevin: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt as interrupt:
        print(f"langevin: interrupted. {interrupt}", file=sys.stderr)
        return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED
    except BrokenPipeError:
        # The reader has left; the interpreter must not find the closed pipe again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return int(code or 0)
