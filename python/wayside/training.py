"""Trainings."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from wayside import _native
from wayside._progress import Progress, following
from wayside._seeds import seed_of
from wayside.scenario import Scenario, _flat, _text, scenario_of

Metrics = dict[str, "float | None"]
"""A row of ``progress.csv``: names such as ``wayside/gap`` with their values, ``None`` where there is none."""


class Score(TypedDict):
    """How good a policy was found to be on the seeds of the evaluation: means over all tasks."""

    objective: float
    lower_bound: float | None
    gap: float | None
    delay_s: float
    energy_j: float
    deadline_met: float


@dataclass(frozen=True)
class Training:
    """A training that has ended, or stopped.

    ==============  ==============================================================================
    ``ended``       ``"done"``: all steps; ``"target"``: the gap of ``target_gap``; ``"stopped"``: by the callback,
                    and ``train(..., resume=True)`` goes on
    ``policy``      file of the best policy, for ``wayside.run`` and ``wayside.decide``
    ``best``        its score in the evaluations
    ``untrained``   score of the untrained rule over the same rows (``least-total``, ``least-ahead``), where there is one
    ``doubts``      signs that the training has a problem, a sentence each
    ``out``         folder of the training
    ==============  ==============================================================================
    """

    ended: Literal["done", "target", "stopped"]
    policy: Path
    best: Score | None
    untrained: Score | None
    doubts: tuple[str, ...]
    out: Path

    @property
    def progress(self) -> list[Metrics]:
        """A row per iteration, from ``progress.csv``."""
        with open(self.out / "progress.csv", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            return [{name: float(x) if x else None for name, x in row.items()} for row in rows]


def train(
    algorithm: Literal["ppo", "ac", "sac", "lysac"],
    scenario: str | Path | Scenario = "wang2025",
    *,
    out: str | os.PathLike[str],
    overrides: Mapping[str, Any] | None = None,
    vary: Iterable[str] = (),
    encoder: Literal["sequential", "shared", "flat"] | None = None,
    seed: int = 0,
    callback: Callable[[Metrics], object] | None = None,
    resume: bool = False,
    force: bool = False,
    threads: int = 0,
    progress: Progress = None,
    **options: Any,
) -> Training:
    """Train a policy, as ``wayside train`` does: the same seed gives the same bytes.

    Args:
        algorithm: ``"ppo"``, ``"ac"`` (the paper's actor-critic), ``"sac"``, or ``"lysac"`` (for ``lin2025``).
        scenario: a :class:`Scenario`, the name of a built-in one, or a TOML file.
        out: folder of the training: policy, logs, checkpoints.
        overrides: values of the scenario to replace, such as ``{"fleet.size": 40}``.
        vary: keys of the scenario to draw for every environment, such as ``"fleet.size=20..400"``.
        encoder: what the network sees; by default what suits the agent.
        seed: seed of everything random.
        callback: called with the metrics of every iteration (a row of ``progress.csv``), on another thread. The
            training stops after it returns ``False``, or raises, which ``train`` then raises too.
        resume: go on from the checkpoint in ``out``.
        force: whether another training in ``out`` may be replaced.
        threads: 0 for one per core; this never changes a result.
        progress: by default a bar in notebooks; ``True`` for a bar, ``False`` for none, or a function that is called, on another
            thread, with the steps that are done, and of how many.
        **options: options of the training, such as ``learning_rate=3e-4``, ``total_timesteps=100_000`` or
            ``net_arch=[64, 64]``, or ``plan_slots=6`` for actions as in :class:`wayside.env.OffloadingEnv`; ``wayside train ppo wang2025 --list-options`` lists them with their values.

    Raises:
        ValueError: bad input; the message names every problem.
        OSError: a file that cannot be read or written, or a training in ``out``.
        KeyboardInterrupt: after Ctrl-C; the checkpoint stays, and ``resume=True`` goes on from it.
    """
    found = scenario_of(scenario, overrides)
    name = None if isinstance(scenario, Scenario) else str(scenario)
    with following(progress, "steps") as call:
        said = _native.train(
            found._native,
            name,
            algorithm,
            encoder,
            list(_flat(overrides or {})),
            list(vary),
            [(option, _option(value)) for option, value in options.items()],
            seed_of(seed, "seed"),
            os.fspath(out),
            resume,
            force,
            threads,
            callback,
            call,
        )
    ended = json.loads(said)
    return Training(
        ended["ended"],
        Path(ended["policy"]),
        ended["best"],
        ended["untrained"],
        tuple(ended["doubts"]),
        Path(out),
    )


def _option(value: Any) -> str:
    """``value`` as ``--option`` reads it: lists are separated by commas."""
    if isinstance(value, (list, tuple)):
        return ",".join(_text(v) for v in value)
    return _text(value)
