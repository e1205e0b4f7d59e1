"""The scenario that README shows runs; with those of networks that it points to, it has every field."""

from __future__ import annotations

import re
from pathlib import Path

import langevin_kit as lk
from langevin_kit.scenario import loads
from langevin_kit.scenario._tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
NETWORKS = ("recall", "recall_and_learn")


def test_the_scenario_in_readme_runs_and_shows_every_field() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    scenario = loads(block, "README.md")
    ds = lk.simulate(scenario.system, **{**scenario.arguments, "n_particles": 1000, "n_steps": 20, "save_every": 10})
    assert ds.sizes == {"time": 3, "component": 2, "component_": 2, "x": 128, "y": 128, "particle": 1000}
    fields = {name for table in TABLES.values() for name in table.model_fields}
    shown = block + "".join((ROOT / f"scenarios/{name}.toml").read_text("utf-8") for name in NETWORKS)
    assert {name for name in fields if not re.search(rf"\b{name}\b", shown)} == set()
