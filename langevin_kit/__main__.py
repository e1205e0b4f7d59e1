"""``python -m langevin_kit`` is the command `langevin`."""

import sys

from langevin_kit.cli import main

if __name__ == "__main__":
    sys.exit(main())
