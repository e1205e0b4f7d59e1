"""`python -m langevin_kit.testing.gpu_proof --out proof.json`."""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import sys
from pathlib import Path

from langevin_kit.backends.cuda import Device
from langevin_kit.errors import BackendUnavailable
from langevin_kit.testing.gpu_proof import CHECKS, RATES, Check, Proof, prove

logger = logging.getLogger("langevin_kit.testing.gpu_proof")


def main() -> int:
    """Prove, say so line by line, and write it all to a file; 1 if something does not hold, 2 without a device."""
    parser = argparse.ArgumentParser(prog="python -m langevin_kit.testing.gpu_proof", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument(
        "--dry", action="store_true", help="through the executor of PTX, without a GPU and without rates"
    )
    parser.add_argument("--device", type=int, default=0, help="the number of the GPU")
    parser.add_argument("--seed", type=int, default=None, help="of all inputs; a fresh one if left out")
    given = parser.parse_args()
    seed = secrets.randbits(32) if given.seed is None else given.seed
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    try:
        proof = Proof(_device(given.device, dry=given.dry), seed, given.dry)
    except BackendUnavailable as error:
        logger.error("%s", error)
        return 2
    logger.info("%s, seed %d", proof.device.about()["name"], seed)
    found = prove(proof, CHECKS if given.dry else CHECKS + RATES, _tell)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    failed = [check["name"] for check in found["checks"] if not check["holds"]]
    logger.info("%d of %d hold; %s", len(found["checks"]) - len(failed), len(found["checks"]), given.out)
    return 1 if failed else 0


def _device(number: int, *, dry: bool) -> Device:
    if dry:
        from langevin_kit.testing.ptxvm import Executor

        return Executor()
    from langevin_kit.backends.cuda._cupy import device

    return device(number)


def _tell(check: Check) -> None:
    figures = ", ".join(f"{name} {_short(value)}" for name, value in check.found.items())
    logger.info("%s %s (%.1f s): %s", "holds" if check.holds else "FAILS", check.name, check.seconds, figures)


def _short(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_short(entry)}" for key, entry in value.items()) + "}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
