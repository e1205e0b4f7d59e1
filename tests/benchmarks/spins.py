"""Spins beside a twin in C, in turns on one core: nanoseconds an attempted flip, and an accepted one.

``python tests/benchmarks/spins.py`` compiles the twin with gcc -O3 -march=native. It does what we do: a Philox call for
two attempts, thresholds in advance, fields in 32 bits and couplings in 16; the logarithm is the C library's.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from langevin_kit import SpinSystem
from langevin_kit.codegen import stepper
from langevin_kit.networks import hebb
from langevin_kit.schemes import scheme_for

N, P, SWEEPS, TURNS = 3000, 150, 20, 15

TWIN = r"""
#include <math.h>
#include <stdint.h>
static void philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1, uint32_t* w) {
    for (int r = 0; r < 10; r++) {
        uint64_t a = (uint64_t)0xD2511F53u*c0, b = (uint64_t)0xCD9E8D57u*c2;
        uint32_t d0 = (uint32_t)(b >> 32) ^ c1 ^ k0, d2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c0 = d0; c1 = (uint32_t)b; c2 = d2; c3 = (uint32_t)a;
        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
    }
    w[0] = c0; w[1] = c1; w[2] = c2; w[3] = c3;
}
static double threshold(uint32_t word, double half) {
    double u = (word + 0.5)*0x1p-32;
    return half*log(u/(1.0 - u));
}
int64_t sweeps(int n, const int16_t* restrict W, int32_t* restrict s, int32_t* restrict h, int32_t* restrict site,
               double* restrict limit, int first, int count, double half, int cold) {
    int64_t flips = 0;
    int calls = (n + 1)/2;
    for (int k = first; k < first + count; k++) {
        for (int c = 0; c < calls; c++) {
            uint32_t w[4];
            philox(0, 0, (uint32_t)(k*calls + c), 0, 1, 2, w);
            site[c] = (int32_t)((uint64_t)w[0]*n >> 32);
            limit[c] = cold ? 0.0 : threshold(w[1], half);
            if (calls + c < n) {
                site[calls + c] = (int32_t)((uint64_t)w[2]*n >> 32);
                limit[calls + c] = cold ? 0.0 : threshold(w[3], half);
            }
        }
        for (int a = 0; a < n; a++) {
            int i = site[a];
            if ((h[i] - limit[a])*s[i] < 0.0) {
                int change = -2*s[i];
                s[i] = -s[i];
                const int16_t* row = W + (int64_t)i*n;
                for (int j = 0; j < n; j++) h[j] += change*row[j];
                flips++;
            }
        }
    }
    return flips;
}
"""


def twin(folder: Path, W: np.ndarray, start: np.ndarray, temperature: float) -> Callable[[int], int]:
    """A call of the twin with the number of a turn; it returns the flips."""
    (folder / "spins.c").write_text(TWIN)
    library = folder / "spins.so"
    command = [
        "gcc",
        "-O3",
        "-march=native",
        "-fno-math-errno",
        "-shared",
        "-fPIC",
        "spins.c",
        "-o",
        library.name,
        "-lm",
    ]
    subprocess.run(command, cwd=folder, check=True)
    sweeps = ctypes.CDLL(str(library)).sweeps
    sweeps.restype = ctypes.c_int64
    couplings, s = np.rint(W * N).astype(np.int16), start.astype(np.int32)
    h = (couplings.astype(np.int64) @ s).astype(np.int32)
    site, limit = np.empty(N, np.int32), np.empty(N)
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (couplings, s, h, site, limit)]
    kept = (couplings, s, h, site, limit)

    def call(turn: int) -> int:
        assert kept
        half = ctypes.c_double(temperature * N / 2)
        return int(sweeps(N, *pointers, turn * SWEEPS, SWEEPS, half, int(temperature == 0)))

    return call


def ours(W: np.ndarray, start: np.ndarray, temperature: float) -> Callable[[int], int]:
    """The same of the compiled module."""
    system = SpinSystem(couplings=W, temperature=temperature)
    scheme = scheme_for("euler_maruyama", system)
    advance, values, keys = stepper(system, scheme, "float64").advance, scheme.values(system, 1.0), (1, 2)
    x = np.zeros((scheme.rows(system), 1))
    x[:N, 0] = start
    system.begin(x)

    def call(turn: int) -> int:
        before = x[-1, 0]
        advance(x, 0, 1, 256, turn * SWEEPS, SWEEPS, values, 1.0, temperature, *map(np.uint32, keys))
        return int(x[-1, 0] - before)

    return call


def main() -> None:
    """Print a table."""
    xi = np.random.default_rng(0).choice([-1.0, 1.0], size=(P, N))
    W = hebb(xi)
    print("| T | flips an attempt | ours, ns an attempt | a flip | twin, ns an attempt | a flip | ours / twin |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for temperature in (0.0, 0.2, 0.4, 0.8):
            calls = ours(W, xi[0], temperature), twin(Path(folder), W, xi[0], temperature)
            taken: list[list[float]] = [[], []]
            flips = [0, 0]
            for turn in range(TURNS):
                for j, call in enumerate(calls):
                    before = time.perf_counter()
                    flips[j] = call(turn)
                    taken[j].append((time.perf_counter() - before) / (N * SWEEPS) * 1e9)
            if flips[0] != flips[1]:
                sys.exit(f"T = {temperature}: {flips} flips; the twin does something else")
            share = flips[0] / (N * SWEEPS)
            best = [min(t[1:]) for t in taken]
            ratio = np.median([a / b for a, b in zip(*(t[1:] for t in taken), strict=True)])
            cells = [f"{b:.2f} | {b / share:.0f}" if share else f"{b:.2f} | –" for b in best]
            print(f"| {temperature} | {share:.4f} | {cells[0]} | {cells[1]} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
