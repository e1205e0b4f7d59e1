"""Scenario files: TOML to a system and the arguments of its run."""

from langevin_kit.scenario._load import Scenario, load, loads

__all__ = ["Scenario", "load", "loads"]
