"""Weights shared among places: what texts mean, beside SciPy's correlations; slopes; shapes that are refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import correlate2d

from langevin_kit.errors import InvalidArgument, InvalidExpression
from langevin_kit.learn import energy_slope
from langevin_kit.learn._layers import layers_of
from langevin_kit.system import System
from langevin_kit.system.dense import graph, places
from langevin_kit.system.dense.differentiate import gradient, matrix_gradient
from langevin_kit.system.dense.evaluate import evaluate, outer
from langevin_kit.system.dense.expression import parse
from langevin_kit.system.dense.graph import Node

RNG = np.random.default_rng(0)
H, W, C, M, N = 4, 5, 2, 3, 6
VALUES = {
    "K": RNG.normal(size=(M, 9 * C)),
    "L": RNG.normal(size=(M, 5 * C)),
    "A": RNG.normal(size=(M, C)),
    "S": RNG.normal(size=(C, C)),
    "b": RNG.normal(size=C),
    "s": np.array(0.7),
}
X = RNG.normal(size=(H * W * C, N))
TEXTS = {
    "dense": "each(K, patches(x, 4, 5, 3))",
    "along": "each(L, windows(x, 20, 5))",
    "points": "each(A, x)",
    "bias": "x*repeat(b, 20)",
    "mean": "places_mean(x, 2)",
}


def names(shape: int = H * W * C, **more: Any) -> dict[str, Node]:
    given = {**VALUES, **more}
    kinds = {0: "parameter", 1: "parameter", 2: "matrix"}
    return {
        "x": Node("state", (shape,), value="x"),
        "t": Node("time", ()),
        **{name: Node(kinds[np.ndim(a)], np.shape(a), value=name) for name, a in given.items()},
    }


def value(text: str, x: NDArray[Any] = X, **changed: Any) -> NDArray[Any]:
    return np.asarray(evaluate(parse(text, names(), field="drift"), x, 0.3, VALUES | changed))


def correlated(kernel: NDArray[Any], image: NDArray[Any]) -> NDArray[Any]:
    """Of an image (h, w, c) with kernels (m, rows, columns, c), channel by channel."""
    return np.stack(
        [sum(correlate2d(image[..., c], k[..., c], mode="same") for c in range(k.shape[-1])) for k in kernel], axis=-1
    )


def test_texts_are_the_correlations_of_scipy() -> None:
    for i, x in enumerate(X.T):
        image = correlated(VALUES["K"].reshape(M, 3, 3, C), x.reshape(H, W, C))
        np.testing.assert_allclose(value(TEXTS["dense"])[:, i], image.ravel(), rtol=0, atol=1e-13)
        line = correlated(VALUES["L"].reshape(M, 5, 1, C), x.reshape(H * W, 1, C))
        np.testing.assert_allclose(value(TEXTS["along"])[:, i], line.ravel(), rtol=0, atol=1e-13)
    by_place = X.reshape(H * W, C, N)
    for text, expected in (
        ("points", np.kron(np.eye(H * W), VALUES["A"]) @ X),
        ("bias", np.tile(VALUES["b"], H * W)[:, None] * X),
        ("mean", by_place.mean(axis=0)),
    ):
        np.testing.assert_allclose(value(TEXTS[text]), expected, rtol=0, atol=1e-13)
    # A sequence is an image of width 1, and has nothing but zeros beside it.
    middle = VALUES["K"].reshape(M, 3, 3, C)[:, :, 1]
    sequence = evaluate(
        parse("each(L, windows(x, 20, 3))", names(L=middle.reshape(M, -1)), field="f"),
        X,
        0.0,
        {"L": middle.reshape(M, -1)},
    )
    np.testing.assert_allclose(value("each(K, patches(x, 20, 1, 3))"), sequence, rtol=0, atol=1e-13)


ENERGIES = {
    "dense": "sum(tanh(each(K, patches(x, 4, 5, 3)))**3)*s",
    "along": "logsumexp(s*each(L, windows(x*x, 20, 5)))",
    "squares": "x @ each(S, x)/2 + sum(x*repeat(b, 20))*(repeat(b*s, 2) @ repeat(b, 2))",
    "mean": "sum(exp(places_mean(tanh(each(A, x)) + repeat(s*repeat(s*b, 3) @ repeat(b, 3)*windows(b, 1, 3)"
    " @ repeat(b, 3)*each(A, b), 20), 3)))",
    "nested": "sum(sin(patches(each(S, patches(x, 4, 5, 1)), 2, 10, 3)))",
}


@pytest.mark.parametrize("name", ENERGIES)
def test_slopes_are_those_of_complex_steps(name: str) -> None:
    energy = parse(ENERGIES[name], names(), field="energy")
    slope = evaluate(gradient(energy, names()["x"]), X, 0.0, VALUES)
    for i in range(len(X)):
        moved = X.astype(complex)
        moved[i] += 1e-30j
        exact = evaluate(energy, moved, 0.0, VALUES).imag / 1e-30
        np.testing.assert_allclose(slope[i], exact, rtol=0, atol=1e-12 * np.abs(slope).max())
    used = {str(node.value) for node in graph.postorder([energy]) if node.kind in ("parameter", "matrix")}
    for key in used:
        array = VALUES[key]
        if array.ndim == 2:
            pairs = [[evaluate(f, X, 0.0, VALUES) for f in pair] for pair in matrix_gradient(energy, key)]
            found = sum(outer(u, v, array.shape) for u, v in pairs)
        else:
            found = evaluate(gradient(energy, Node("parameter", array.shape, value=key)), X, 0.0, VALUES).sum(axis=-1)
        exact = np.empty(array.shape)
        for at in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[at] += 1e-30j
            exact[at] = evaluate(energy, X.astype(complex), 0.0, VALUES | {key: moved}).imag.sum() / 1e-30
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-12 * np.abs(exact).max())


def test_mean_slopes_of_an_energy_sum_over_places() -> None:
    system = System(coordinates={"x": 8}, energy="x @ each(S, x)/2", temperature=1.0, parameters={"S": VALUES["S"]})
    x = RNG.normal(size=(8, 5))
    blocks = x.reshape(4, 2, 5)
    expected = np.einsum("pir,pjr->ij", blocks, blocks) / 10
    np.testing.assert_allclose(energy_slope(system, x, ["S"])["S"], expected, rtol=1e-13)


def test_what_needs_one_outer_product_refuses_several_places() -> None:
    energy = "v @ v/2 + h @ h/2 - v @ {}"
    U = {"U": VALUES["S"]}
    one = System(coordinates={"v": 2, "h": 2}, energy=energy.format("(U @ h)"), temperature=1.0, parameters=U)
    assert len(layers_of(one)) == 2
    many = System(coordinates={"v": 4, "h": 4}, energy=energy.format("each(U, h)"), temperature=1.0, parameters=U)
    with pytest.raises(InvalidArgument, match="not that of two layers"):
        layers_of(many)


def test_both_products_of_a_quadratic_form_become_one() -> None:
    slope = gradient(parse("x @ each(S, x)/2", names(), field="energy"), names()["x"])
    assert [n.arguments[0].orientation for n in graph.postorder([slope]) if n.kind == "each"] == ["S"]


def test_what_moves_nothing_and_one_place_need_no_node() -> None:
    assert parse("patches(x, 4, 5, 1)", names(), field="f") == names()["x"]
    assert parse("repeat(b, 1)", names(), field="f") == names()["b"]
    assert parse("each(A, b)", names(), field="f").kind == "product"
    assert parse("each(2*A, 0*x)", names(), field="f") == graph.number(0, (60,))
    assert gradient(parse("sum(patches(x, 4, 5, 3))*0", names(), field="f"), names()["x"]) == graph.number(0, (40,))


def test_degrees() -> None:
    for text, degree in (("x @ patches(x*x, 4, 5, 1)", 3), ("sum(places_mean(patches(x, 4, 5, 3), 9))", 1)):
        assert graph.degree(parse(text, names(), field="energy")) == degree
    assert graph.degree(parse("sum(exp(each(A, x)))", names(), field="energy")) == np.inf
    for text, linear in (("each(A, repeat(places_mean(s*x, 2), 20))", True), ("each(A, x*x)", False), ("x + 1", False)):
        assert graph.is_linear(parse(text, names(), field="root"), names()["x"]) == linear


def test_a_diagonal_mobility_cannot_see_other_places() -> None:
    with pytest.raises(InvalidExpression, match="component i of the state alone, but it uses scatter"):
        System(coordinates={"x": 4}, energy="x @ x", mobility="1 + repeat(places_mean(x, 2)**2, 2)", temperature=1.0)
    # A parameter may be at all places.
    System(coordinates={"x": 4}, energy="x @ x", mobility="repeat(k, 2)", temperature=1.0, parameters={"k": [1.0, 2]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("each(A, b*s, x)", "each takes 2 arguments, got 3"),
        ("each(A)", "each takes 2 arguments, got 1"),
        ("each(K, x)", r"each of shapes (3, 18) and (40,); a matrix (m, k) and a vector of p k components are needed"),
        ("each(x, A)", r"each of shapes (40,) and (3, 2); a matrix"),
        ("each(A, s)", r"each of shapes (3, 2) and (); a matrix"),
        ("patches(x, 3, 4, 3)", r"patches of shape (40,) with 3 × 4 places; a vector (12 c) of them is needed"),
        ("patches(A, 3, 1, 3)", r"patches of shape (3, 2) with 3 × 1 places"),
        ("patches(x, 4, 5, 2)", "the size of patches must be odd, so that a place is in the middle; got 2"),
        ("patches(x, 4, 5, s)", "size must be a positive integer, written as a number; got what is no number, of"),
        ("patches(x, 4, 2.5, 3)", "width must be a positive integer, written as a number; got 2.5"),
        ("patches(x, -4, 5, 3)", "height must be a positive integer, written as a number; got -4"),
        ("windows(x, 7, 3)", r"windows of shape (40,) with 7 places; a vector (7 c) of them is needed"),
        ("windows(x, 20, 1025*1025)", "size must be a positive integer, written as a number; got 1.05062e+06"),
        ("windows(x, 20, 99999)", "windows would make 3999960 components; at most 1048576 are allowed"),
        ("repeat(s, 4)", "repeat of shape (); a vector is needed: a scalar stands at every place as it is"),
        ("repeat(A, 4)", "repeat of shape (3, 2); a vector is needed"),
        ("repeat(b, 0)", "n must be a positive integer, written as a number; got 0"),
        ("repeat(b, x)", "n must be a positive integer, written as a number; got what is no number, of shape (40,)"),
        ("repeat(b, 1048576)", "repeat would make 2097152 components; at most 1048576 are allowed"),
        ("places_mean(x, 3)", r"places_mean of shape (40,) over places of 3 channels; a vector (p 3) is needed"),
        ("places_mean(s, 1)", r"places_mean of shape () over places of 1 channels"),
        ("patch(x, 4, 5, 3)", "did you mean 'patches'"),
        ("repeat", "'repeat' is a function: write repeat(...)"),
    ],
)  # fmt: skip
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(InvalidExpression, match=re.escape(message)):
        parse(text, names(), field="energy")


def test_the_names_are_reserved() -> None:
    with pytest.raises(InvalidArgument, match="'patches' is reserved"):
        System(coordinates={"patches": 2}, energy="patches @ patches", temperature=1.0)


SIZES = st.integers(1, 7)


@given(SIZES, SIZES, SIZES, SIZES, SIZES, st.integers(1, 9))
def test_shapes_that_fit_and_no_others(height: int, width: int, c: int, m: int, size: int, n: int) -> None:
    """The right shape and NumPy's values where sizes fit; else a refusal that names what was got."""
    length, k = n * c, size**2 * c
    x = np.random.default_rng(n).normal(size=(length, 2))
    given = {"K": np.random.default_rng(m).normal(size=(m, k))}
    text = f"each(K, patches(x, {height}, {width}, {size}))"
    places = height * width
    message = (
        f"shape ({length},) with {height} × {width} places" if length % places
        else f"odd, so that a place is in the middle; got {size}" if size % 2 == 0
        else f"each of shapes {(m, k)} and {(length * size**2,)}" if length % c
        else ""
    )  # fmt: skip
    if message:
        with pytest.raises(InvalidExpression, match=re.escape(message)):
            parse(text, names(length, **given), field="f")
        return
    node, channels = parse(text, names(length, **given), field="f"), length // places
    assert node.shape == (m * n,)
    padded = np.pad(x[:, 0].reshape(height, width, channels), [(size // 2,) * 2, (size // 2,) * 2, (0, 0)])
    seen = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))
    expected = np.moveaxis(seen, 2, -1).reshape(-1, k) @ given["K"].T
    np.testing.assert_allclose(evaluate(node, x, 0.0, given)[:, 0], expected.ravel(), rtol=0, atol=1e-12)
    pooled = parse(f"places_mean(repeat(x, {m}), {length})", names(length), field="f")
    np.testing.assert_allclose(evaluate(pooled, x, 0.0, {}), x, rtol=1e-15)


def test_gather_and_scatter_are_each_others_transposes() -> None:
    x, y = Node("state", (6,), value="x"), Node("given", (8,), value="y", first=6)
    table = (2, -1, 0, 2)
    one = graph.dot(y, places.gather(x, table, 2))
    other = graph.dot(x, places.scatter(y, table, 6))
    both = RNG.normal(size=(14, 5))
    np.testing.assert_allclose(evaluate(one, both, 0.0, {}), evaluate(other, both, 0.0, {}), rtol=1e-13)
    assert gradient(one, x) == places.scatter(y, table, 6)
    assert gradient(other, y) == places.gather(x, table, 2)
