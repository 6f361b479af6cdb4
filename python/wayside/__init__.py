"""Wayside: where the tasks of moving vehicles run.

=====================================  ==============================================================
``wayside.run``                        policies compared on the same traffic, results as Arrow tables
``wayside.decide``, ``wayside.bound``  one slot
``wayside.Scenario``                   what defines a run
``gymnasium.make("wayside/Offloading-v0")``  the environment, see :class:`wayside.env.OffloadingEnv`
``wayside.parallel.OffloadingParallelEnv``   the same with vehicles as agents, for PettingZoo
=====================================  ==============================================================

The model is the Rust engine's: nothing is computed here. Units are SI and stand in the names.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from wayside._native import Slot, Table, __version__
from wayside._register import register as _register
from wayside.api import CLOUD, NOWHERE, Decision, Policy, Results, bound, decide, policies, run
from wayside.scenario import Scenario, Section

__all__ = [
    "CLOUD",
    "NOWHERE",
    "Decision",
    "Policy",
    "Results",
    "Scenario",
    "Section",
    "Slot",
    "Table",
    "__version__",
    "bound",
    "decide",
    "policies",
    "run",
]

_register()

_LAZY = ("env", "masks", "parallel", "ray", "render", "vector")
"""Submodules that bring in other packages: imported when they are first named."""


def __getattr__(name: str) -> ModuleType:
    if name in _LAZY:
        return importlib.import_module(f"wayside.{name}")
    raise AttributeError(f"module 'wayside' has no attribute {name!r}")
