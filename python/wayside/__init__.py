"""Wayside: where the tasks of moving vehicles run.

=====================================  ==============================================================
``wayside.run``                        compares policies on the same traffic; results are Arrow tables
``wayside.decide``, ``wayside.bound``  decide or bound a single slot
``wayside.benchmark``                  the score card of the open benchmark, for any policy
``wayside.train``                      trains a policy, for ``run`` and ``decide``
``wayside.study``                      runs a study; ``wayside.ray.study`` on a cluster
``wayside.record``                     writes the decisions of a policy as a Minari data set
``wayside.load_policy``                a trained policy as an object; ``wayside.GymPolicy`` makes one of yours
``wayside.Scenario``                   everything that defines a run but its seeds
``gymnasium.make("wayside/Offloading-v0")``  the environment, see :class:`wayside.env.OffloadingEnv`
``wayside.parallel.OffloadingParallelEnv``   the same for PettingZoo, with vehicles as agents
=====================================  ==============================================================

The Rust engine computes everything; this package only converts. Units are SI and part of the names.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from wayside._native import Slot, Table, __version__
from wayside._register import register as _register
from wayside.api import (
    CLOUD,
    NOWHERE,
    Answer,
    Decision,
    Outcome,
    Policy,
    Results,
    bound,
    decide,
    policies,
    run,
    topology,
)
from wayside.figures import Figure, Figures
from wayside.learned import GymPolicy, TrainedPolicy, load_policy
from wayside.models import TableTraffic, Traffic
from wayside.recording import record
from wayside.scenario import Scenario, Section
from wayside.scoring import ScoreCard, benchmark
from wayside.studying import Claims, study
from wayside.training import Training, train

__all__ = [
    "CLOUD",
    "NOWHERE",
    "Answer",
    "Claims",
    "Decision",
    "Figure",
    "Figures",
    "GymPolicy",
    "Outcome",
    "Policy",
    "Results",
    "Scenario",
    "ScoreCard",
    "Section",
    "Slot",
    "Table",
    "TableTraffic",
    "Traffic",
    "TrainedPolicy",
    "Training",
    "__version__",
    "benchmark",
    "bound",
    "decide",
    "load_policy",
    "policies",
    "record",
    "run",
    "study",
    "topology",
    "train",
]

_register()

_LAZY = ("env", "masks", "parallel", "ray", "render", "vector")
"""Submodules that need other packages: imported on first use."""


def __getattr__(name: str) -> ModuleType:
    if name in _LAZY:
        return importlib.import_module(f"wayside.{name}")
    raise AttributeError(f"module 'wayside' has no attribute {name!r}")
