"""What couplings store: against loops, as fixed points, and how many patterns are recalled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import langevin_kit as lk
from langevin_kit.errors import InvalidArgument
from langevin_kit.networks import hebb, pseudo_inverse, storkey


def patterns(p: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(p, n))


def test_rules_are_their_sums() -> None:
    xi = patterns(4, 9)
    n = 9
    W = np.zeros((n, n))
    for x in xi:
        before = W.copy()
        for i in range(n):
            for j in range(n):
                if i != j:
                    h_ij = sum(before[i, k] * x[k] for k in range(n) if k not in (i, j))
                    h_ji = sum(before[j, k] * x[k] for k in range(n) if k not in (i, j))
                    W[i, j] += (x[i] * x[j] - x[i] * h_ji - h_ij * x[j]) / n
    np.testing.assert_allclose(storkey(xi), W, atol=1e-14)
    direct = np.array([[sum(x[i] * x[j] for x in xi) / n for j in range(n)] for i in range(n)])
    np.testing.assert_allclose(hebb(xi, diagonal=True), direct, atol=1e-15)
    np.testing.assert_allclose(hebb(xi), direct * (1 - np.eye(n)), atol=1e-15)
    for rule in (hebb, pseudo_inverse, storkey):
        made = rule(xi)
        np.testing.assert_array_equal(made, made.T)
        assert not np.diag(made).any()


def test_with_a_bias_hebb_is_the_covariance_rule() -> None:
    """A pattern of mean a alone feels ξ − a up to its own deviation; with the mean left in it feels ξ."""
    xi = np.array([[1.0] * 30 + [-1.0] * 10])
    W = hebb(xi, bias=0.5, diagonal=True)
    np.testing.assert_allclose(W, np.outer(xi[0] - 0.5, xi[0] - 0.5) / 40 / 0.75, atol=1e-15)
    np.testing.assert_allclose(W @ xi[0], xi[0] - 0.5, atol=1e-14)
    np.testing.assert_array_equal(hebb(xi, bias=0.5), W - np.diag(np.diag(W)))
    np.testing.assert_array_equal(hebb(xi, bias=0), hebb(xi))
    assert np.abs(hebb(xi, diagonal=True) @ xi[0] - (xi[0] - 0.5)).max() > 0.4


def test_the_pseudo_inverse_projects() -> None:
    xi = patterns(70, 100)
    W = pseudo_inverse(xi, diagonal=True)
    np.testing.assert_allclose(W @ xi.T, xi.T, atol=1e-10)
    np.testing.assert_allclose(W @ W, W, atol=1e-10)
    np.testing.assert_allclose(pseudo_inverse(xi) @ xi.T, (1 - np.diag(W))[:, None] * xi.T, atol=1e-10)


def recalled(W: np.ndarray, xi: np.ndarray) -> float:
    """The mean overlap of patterns with where they end at T = 0."""
    system = lk.SpinSystem(couplings=W, temperature=0.0)
    ds = lk.simulate(system, initial=xi, time_step=1, n_steps=30, save_every=30, save_positions=True, rng=0)
    return float((ds.position[-1].values.T * xi).mean())


def test_what_each_rule_recalls() -> None:
    """N = 400: Hebb's rule holds P = 0.05 N and loses 0.3 N; Storkey's holds 0.3 N better; the projection 0.7 N."""
    few, many, most = patterns(20, 400), patterns(120, 400), patterns(280, 400)
    assert recalled(hebb(few), few) > 0.999
    assert recalled(hebb(many), many) < 0.6
    assert recalled(storkey(many), many) > recalled(hebb(many), many) + 0.1
    assert recalled(pseudo_inverse(most), most) == 1.0
    assert recalled(pseudo_inverse(most, diagonal=True), most) == 1.0


@pytest.mark.parametrize("bias", [1.0, -1, True, "a", np.nan])
def test_what_is_no_bias_is_refused(bias: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"bias: got .*between −1 and 1"):
        hebb(patterns(2, 4), bias=bias)


@pytest.mark.parametrize(
    ("rule", "given", "said"),
    [
        (hebb, [[1, 0]], "an array .P, N. of 1 and −1"),
        (hebb, [1, -1], r"got shape \(2,\)"),
        (storkey, [["a"]], "an array .P, N."),
        (pseudo_inverse, [[1, -1], [-1, 1]], "2 of 2 spins are not linearly independent"),
    ],
)
def test_what_is_no_pattern_is_refused(rule: Any, given: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        rule(given)
