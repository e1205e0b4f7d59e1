"""Networks in scenario files: systems are their builders', patterns are read from anywhere, faults are named."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from toml_text import toml

import langevin_kit as lk
from langevin_kit import networks
from langevin_kit.errors import InvalidScenario
from langevin_kit.learn import RULES
from langevin_kit.scenario import Scenario, load, loads

XI = np.random.default_rng(3).choice([-1.0, 1.0], (4, 9))
U = 0.05 * np.random.default_rng(7).normal(size=(9, 5))

GOOD = """\
title = "a network"
[network]
model = "hopfield"
temperature = 0.3
patterns = { random = 4, length = 9, seed = 3 }
[initial]
kind = "patterns"
flipped = 0.2
[run]
n_particles = 20
time_step = 1.0
n_steps = 10
seed = 0
"""

LEARN = """
[learn]
n_updates = 3
learning_rate = 0.01
time_step = 0.02
"""


def of(model: str, *lines: str, text: str = GOOD) -> str:
    """The scenario of another model, with further fields."""
    return text.replace('"hopfield"\ntemperature = 0.3', "\n".join([f'"{model}"', *lines]))


def fault(text: str) -> list[str]:
    with pytest.raises(InvalidScenario) as caught:
        loads(text, "s.toml")
    return str(caught.value).splitlines()[1:]


W = networks.hebb(XI)
MODELS: dict[str, tuple[list[str], Callable[[], lk.System]]] = {
    "hopfield": (
        ["temperature = 0.3", 'rule = "storkey"', 'update = "sequential"', "fields = 0.1"],
        lambda: lk.SpinSystem(couplings=networks.storkey(XI), fields=0.1, update="sequential", temperature=0.3),
    ),
    "continuous": (
        ["temperature = 0.1", "gain = 2", 'activation = "algebraic"', "time_scale = 0.5"],
        lambda: networks.continuous(2 * W, activation="algebraic", time_scale=0.5, temperature=0.1),
    ),
    "continuous_outputs": (
        ["temperature = 0.1", "fields = [1, 2, 3, 4, 5, 6, 7, 8, 9]"],
        lambda: networks.continuous_outputs(W, np.arange(1, 10), temperature=0.1),
    ),
    "associative_memory": (
        ["temperature = 0.1", 'potential = "logsumexp"', "beta = 3.0", "inputs = 0.2"],
        lambda: networks.associative_memory(XI, "logsumexp", inputs=0.2, temperature=0.1, parameters={"beta": 3.0}),
    ),
    "modern": (
        ["beta = 4.0", "weights = [1, 2, 3, 4]"],
        lambda: networks.modern(XI, 4.0, weights=[1, 2, 3, 4]).system,
    ),
    "bipartite": (
        ["temperature = 0.1", "U = { random = 5, scale = 0.05, seed = 7 }", 'hidden = "tanh"', "time_scales = [1, 2]"],
        lambda: networks.bipartite(U, "tanh", "tanh", time_scales=(1, 2), temperature=0.1),
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_a_network_is_that_of_its_builder(model: str) -> None:
    lines, build = MODELS[model]
    found, made = loads(of(model, *lines)).system.to_dict(), build().to_dict()
    assert found.pop("parameters") == {**made.pop("parameters"), "patterns": XI.tolist()}
    assert found == made


def test_the_temperature_of_a_modern_network_is_its_own_or_given() -> None:
    assert loads(of("modern", "beta = 4.0")).system.temperature == 0.25
    assert loads(of("modern", "beta = 4.0", "temperature = 0.5")).system.temperature == 0.5


def test_a_network_without_an_energy_measures_the_one_that_falls() -> None:
    scenario = loads(of("continuous", "temperature = 0.0", "gain = 2.0").replace("1.0\nn_steps", "0.1\nn_steps"))
    assert scenario.arguments["observables"] == {"network_energy": networks.continuous_energy()}
    assert (np.diff(lk.simulate(scenario.system, **scenario.arguments).network_energy) <= 0).all()


def with_patterns(patterns: str) -> str:
    return GOOD.replace("{ random = 4, length = 9, seed = 3 }", patterns)


def test_patterns_are_random_rows_or_a_file_beside_the_scenario(tmp_path: Path) -> None:
    np.save(tmp_path / "xi.npy", XI.astype(np.int8))
    (tmp_path / "s.toml").write_text(with_patterns('{ file = "xi.npy" }'))
    for scenario in (load(tmp_path / "s.toml"), loads(with_patterns(str(XI.tolist()))), loads(GOOD)):
        np.testing.assert_array_equal(scenario.system.parameters["patterns"], XI)
        np.testing.assert_array_equal(scenario.arguments["initial"].patterns, XI)
    # A text that was read before is not remembered with what its files held.
    np.save(tmp_path / "xi.npy", -XI)
    np.testing.assert_array_equal(load(tmp_path / "s.toml").system.parameters["patterns"], -XI)
    (tmp_path / "xi.npy").unlink()
    with pytest.raises(InvalidScenario, match=r"network\.patterns\.file: got .*xi.npy; there is no such file"):
        load(tmp_path / "s.toml")


def zipped() -> bytes:
    file = io.BytesIO()
    np.savez(file, XI)
    return file.getvalue()


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (saved(np.array([{}], object)), "cannot be read"),
        (pickle.dumps(XI), "cannot be read"),
        (zipped(), "cannot be read"),
        (b"", "cannot be read"),
        (b"rows", "cannot be read"),
        (saved(XI).replace(b"'shape': (4, 9), }      ", b"'shape': (4, 9999999), }"), "cannot be read"),
        (saved(XI + 0j), "holds no array of numbers"),
        (saved(XI[0]), "got shape \\(9,\\); rows of equal length are needed"),
        (saved(np.full((2, 2), np.nan)), "not finite"),
        (saved(0.5 * XI), "array \\(P, N\\) of 1 and −1 is needed"),
    ],
)  # fmt: skip
def test_files_that_hold_no_patterns(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "xi.npy").write_bytes(data)
    (tmp_path / "s.toml").write_text(with_patterns('{ file = "xi.npy" }'))
    with pytest.raises(InvalidScenario, match=why) as caught:
        load(tmp_path / "s.toml")
    assert "network.patterns" in str(caught.value)


FAULTS = [
    (of("hopfeld", "temperature = 0.3"), "network.model: got 'hopfeld'; did you mean 'hopfield'?"),
    (GOOD.replace("model =", "modle ="), "network.model: missing; must be one of hopfield, continuous,"),
    (of("hopfield", "temperature = -1"), "network.temperature: got -1"),
    (of("hopfield"), "network.temperature: missing; this field is required"),
    (of("hopfield", "temperature = 0.3", "gain = 2.0"), "network.gain: unknown field"),
    (of("hopfield", "temperature = 0.3", 'rule = "hebbs"'), "network.rule: got 'hebbs'; must be 'hebb',"),
    (of("hopfield", "temperature = 0.3", 'update = "all"'), "network.update: got 'all'"),
    (of("hopfield", "temperature = 0.3", "fields = [1, 2]"), "network.fields: got shape (2,); a number or (9,)"),
    (of("hopfield", "temperature = 0.3", "image = [2, 4]"), "network.image: got [2, 4]; rows and columns of 9"),
    (of("continuous", "temperature = 0", 'activation = "tan"'), "network.activation: got 'tan'"),
    (of("associative_memory", "temperature = 0", 'potential = "soft"'), "network.potential: got 'soft'"),
    (of("associative_memory", "temperature = 0", 'potential = "logsumexp"'), "network.parameters.beta: got None"),
    (of("modern"), "network.beta: missing; this field is required"),
    (of("modern", "beta = 1.0", "weights = [1.0]"), "network.weights: got [1.0]; 4 positive numbers are needed"),
    (of("bipartite", "temperature = 0"), "network.U: missing; this field is required"),
    (of("bipartite", "temperature = 0", "U = [[1], [2]]"), "network.U: got 2 rows; one for each of 9 components"),
    (of("bipartite", "temperature = 0", "U = { random = 5, skale = 1.0 }"), "network.U.skale: unknown field; did you"),
    (
        of("bipartite", "temperature = 0.1", 'visible = "identity"', "U = { random = 5, scale = 9.0 }"),
        "network.U: got the largest singular value",
    ),
    (with_patterns("[[1, 1], [0, 0]]"), "network.patterns: pattern 1 is zero; nothing overlaps with it"),
    (with_patterns("3"), "network.patterns: got 3; must be a table"),
    (with_patterns("[[1, 1], [1]]"), "network.patterns: got [[1.0, 1.0], [1.0]]; a number or an array"),
    (with_patterns("{ random = 4 }"), "network.patterns.length: missing; this field is required"),
    (with_patterns("{ random = 0, length = 9 }"), "network.patterns.random: got 0; must be greater than 0"),
    (with_patterns("{ random = 9999999, length = 999 }"), "network.patterns: got 9999999 × 999 numbers; at most"),
    (with_patterns('{ file = "xi.npy", seed = 1 }'), "network.patterns.seed: unknown field"),
    (GOOD.replace("flipped = 0.2", "flipped = 1.2"), "initial.flipped: got 1.2; must be less than or equal to 1"),
    (GOOD.replace("flipped", "flip"), "initial.flip: unknown field; did you mean 'flipped'?"),
    (GOOD + "save_positions = 21\n", "run.save_positions: got 21; true, false, or 0 to n_particles = 20"),
    (GOOD + '[observables]\na = "xi @ s"\n', "observables.a: unknown name 'xi'"),
    (GOOD + '[system]\nenergy = "x"\n', "system: got a table beside [network]; leave one of them out"),
    (GOOD + LEARN, "learn.learn: got U; parameters of this network are couplings, fields, unit, patterns"),
    (of("modern", "beta = 1.0") + LEARN.replace("n_updates", "n_update"), "learn.n_update: unknown field; did you"),
    (of("modern", "beta = 1.0") + LEARN + 'rule = "ojas"\n', "learn.rule: got 'ojas'; must be 'likelihood',"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), FAULTS, ids=[line[:40] for _, line in FAULTS])
def test_a_fault_of_a_network_is_named_with_its_field(text: str, line: str) -> None:
    found = fault(text)
    assert any(one.startswith(f"  {line}") for one in found), found


def test_all_faults_of_a_network_are_reported_at_once() -> None:
    text = of("modern", "beta = 1.0", "image = [1, 1]") + LEARN.replace("0.01", "-1.0")
    text = text.replace("flipped = 0.2", "spread = -1.0").replace("seed = 0", "sed = 0") + '[observables]\na = "x @"\n'
    assert [line.split(":")[0].strip() for line in fault(text) if line.startswith("  ") and line[2] != " "] == [
        "network.image",
        "initial.spread",
        "run.sed",
        "learn.learning_rate",
    ]


def test_patterns_need_a_network() -> None:
    text = '[system]\nenergy = "x"\ntemperature = 1.0\n'
    start = GOOD.index("[network]"), GOOD.index("[initial]")
    (line,) = fault(GOOD[: start[0]] + text + GOOD[start[1] :])
    assert line == "  initial.kind: got 'patterns'; a table [network] is needed, which has patterns"


def test_a_network_keeps_positions_unless_it_says_how_many() -> None:
    def kept(text: str) -> Any:
        return loads(text).arguments["save_positions"]

    many = GOOD.replace("n_particles = 20", "n_particles = 2000")
    assert (kept(GOOD), kept(many)) == (True, 200)
    assert kept(GOOD + "save_positions = 3\n") == 3
    assert kept(GOOD + "save_positions = false\n") is False


def test_what_is_learnt_is_an_argument_of_the_learner() -> None:
    scenario = loads(of("bipartite", "temperature = 0.1", "U = { random = 5, scale = 0.05, seed = 7 }") + LEARN)
    assert scenario.learning is not None
    learned = lk.learn.recall_and_learn(scenario.system, **scenario.learning)
    direct = lk.learn.recall_and_learn(
        scenario.system, XI, n_updates=3, learning_rate=0.01, time_step=0.02, recall_steps=10, rng=0
    )
    np.testing.assert_array_equal(learned.system.parameters["U"], direct.system.parameters["U"])
    assert np.abs(learned.system.parameters["U"] - U).max() > 1e-3
    assert loads(GOOD).learning is None


def test_the_format_knows_every_rule_of_learning() -> None:
    from langevin_kit.scenario._network_format import LearnTable

    assert set(LearnTable.model_fields["rule"].annotation.__args__) == set(RULES)  # type: ignore[union-attr]


KEYS = ["random", "length", "seed", "file", "scale"]
VALUES = st.recursive(
    st.integers() | st.floats() | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
LINES = [line for line in GOOD.splitlines() if " = " in line]


@given(st.sampled_from(LINES), VALUES)
@settings(max_examples=100)
def test_no_value_breaks_the_reader_of_networks(line: str, value: Any) -> None:
    with suppress(InvalidScenario):
        assert isinstance(loads(GOOD.replace(line, f"{line.split(' = ')[0]} = {toml(value)}")), Scenario)
