"""Runs, decisions and bounds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict

from wayside import _native
from wayside._progress import Progress, following
from wayside._seeds import seeds_of
from wayside.figures import Figures, image, table
from wayside.scenario import Scenario, scenario_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from wayside import learned, models
    from wayside.models import Metric

NOWHERE = -1
"""Stands for both RSUs of a placement: the task stays on its vehicle."""
CLOUD = -2
"""Stands for the executing RSU: the cloud, if the scenario has one."""


class Answer(TypedDict, total=False):
    """What a policy may answer beside placements. Only ``placements`` is required.

    ==============  ==========================================================================================
    ``placements``  integers ``(tasks, 2)``, see :meth:`Policy.decide`
    ``cpu_hz``      CPU share of every task at an RSU [Hz], ``(tasks,)``, in place of the optimum (P2)
    ``minimum_hz``  least CPU share of every task [Hz], ``(tasks,)``, 0 for none: P2 gives the rest
    ``paths``       a path per task: rows of RSUs from entry to execution, or ``None`` for the shortest route
    ==============  ==========================================================================================

    Shares belong to scenarios in which RSUs share their CPU, paths to those in which tasks queue; elsewhere they raise.
    """

    placements: npt.ArrayLike
    cpu_hz: npt.ArrayLike
    minimum_hz: npt.ArrayLike
    paths: Sequence[Sequence[int] | None]


class Policy(Protocol):
    """A policy of your own: any class or object with this method.

    Every seed gets a new instance of a class, or a deep copy of an object, so that seeds do not share state. The
    attribute ``name``, if there is one, is the policy's name in the results. Two methods and a parameter are optional:

    ===================  =====================================================================================
    ``__init__(seed)``   a class whose ``__init__`` has a parameter ``seed`` is made with the seed of its run
    ``reset(seed)``      is called before the first slot of every seed. Draw all random numbers from a generator
                         made of the seed, such as ``numpy.random.default_rng(seed)``
    ``observe(outcome)`` is told of tasks whose outcomes are known, see :class:`Outcome`: all tasks of a slot where
                         CPU is shared; where tasks queue, those that ended since the last decision
    ===================  =====================================================================================
    """

    def decide(self, slot: _native.Slot, /) -> npt.ArrayLike | Answer:
        """Place all tasks of ``slot`` at once.

        Returns:
            Integers of shape ``(tasks, 2)``, a pair ``(entry, execution)`` per task: the row of the RSU that
            receives the task, which must cover its vehicle, and of the RSU that executes it.
            ``(NOWHERE, NOWHERE)`` means the vehicle, ``(entry, CLOUD)`` the cloud. The engine finds the CPU
            shares (P2). Or a dictionary with these ``placements`` and more, see :class:`Answer`.
        """
        ...


class Outcome(TypedDict):
    """What became of n tasks: columns of shape ``(n,)``, ``placements`` ``(n, 2)``.

    ``slot`` and ``task`` say which task it was: the number of its slot, and its row in it. Delays [s], energies [J] and
    ``cost`` are NaN for a task that was lost, by a failure or without a way back for its result.
    """

    slot: npt.NDArray[np.int64]
    task: npt.NDArray[np.int64]
    placements: npt.NDArray[np.int64]
    cost: npt.NDArray[np.float64]
    delay_s: npt.NDArray[np.float64]
    energy_j: npt.NDArray[np.float64]
    upload_s: npt.NDArray[np.float64]
    migration_s: npt.NDArray[np.float64]
    propagation_s: npt.NDArray[np.float64]
    wait_s: npt.NDArray[np.float64]
    compute_s: npt.NDArray[np.float64]
    cpu_hz: npt.NDArray[np.float64]
    deadline_s: npt.NDArray[np.float64]
    on_time: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]


AnyPolicy: TypeAlias = (
    "str | os.PathLike[str] | Policy | type[Policy] | learned.TrainedPolicy | learned.GymPolicy"
)
AnyTraffic: TypeAlias = "models.Traffic | models.TableTraffic | type[Any] | object"
AnySlot: TypeAlias = "str | Path | Mapping[str, Any] | _native.Slot"


class Placement(TypedDict):
    """Where a task runs, its delay [s] and its energy [J]."""

    task: str
    mode: str
    entry: str | None
    execution: str | None
    path: list[str]
    cpu_hz: float
    delay_s: float
    energy_j: float
    delay_parts_s: dict[str, float]
    deadline_met: bool


class Decision(TypedDict):
    """A policy's decision for one slot, as ``wayside decide --format json`` prints it."""

    policy: str
    status: str
    objective: float | None
    lower_bound: float | None
    gap: float | None
    delay_s_mean: float | None
    energy_j_mean: float | None
    load: dict[str, Any]
    certificate: dict[str, Any] | None
    decision_time_s: float
    placements: list[Placement]


SHOWN = ("comparison", "gap")
"""The figures of a run that a notebook shows below its table."""


class Results:
    """The results of a run.

    ==============  ==============================================================================
    ``slots``       table, one row per seed, policy and slot; ``pyarrow.table(results.slots)`` and
                    ``polars.DataFrame(results.slots)`` read it without a copy, ``pandas.DataFrame(results.slots)``
                    with one; ``results.slots.columns()`` gives NumPy arrays by name
    ``tasks``       table, one row per seed, policy, slot and task, with ``run(..., tasks=True)``
    ``summary``     every metric of every policy, with mean and 95 % confidence interval over seeds
    ==============  ==============================================================================
    """

    __slots__ = ("_figures", "_native", "_slots", "_summary")

    def __init__(self, native: _native.Results) -> None:
        self._native = native
        self._slots: _native.Table | None = None
        self._summary: dict[str, Any] | None = None
        self._figures: Figures | None = None

    @property
    def slots(self) -> _native.Table:
        """One row per seed, policy and slot, with the columns of ``slots.parquet``."""
        if self._slots is None:
            self._slots = self._native.slots()
        return self._slots

    @property
    def tasks(self) -> _native.Table:
        """One row per seed, policy, slot and task, with the columns of ``tasks.parquet``.

        Raises:
            ValueError: the run did not keep them, see ``run(..., tasks=True)``.
        """
        tasks = self._native.tasks()
        if tasks is None:
            raise ValueError("tasks: must be asked for: run(..., tasks=True)")
        return tasks

    @property
    def metrics(self) -> dict[str, npt.NDArray[Any]]:
        """Metrics of your own: columns ``seed``, ``policy``, ``slot`` and each metric, one row per seed, policy and slot.

        Raises:
            ValueError: there are none, see ``run(..., metrics={...})``.
        """
        metrics = self._native.metrics()
        if metrics is None:
            raise ValueError("metrics: must be given: run(..., metrics={...})")
        return metrics

    @property
    def summary(self) -> dict[str, Any]:
        """The summary, as ``wayside run --format json`` prints it."""
        if self._summary is None:
            self._summary = json.loads(self._native.summary_json())
        return self._summary

    def metric(self, policy: str, name: str) -> dict[str, Any] | None:
        """One metric of one policy: ``mean``, ``ci95``, and ``difference`` to the first policy.

        Raises:
            KeyError: no such policy, or no such metric.
        """
        for row in self.summary["policies"]:
            if row["policy"] == policy:
                found: dict[str, Any] | None = row[name]
                return found
        raise KeyError(policy)

    @property
    def figures(self) -> Figures:
        """All figures of ``report.html`` that there is data for, by name: ``results.figures["gap"]``."""
        if self._figures is None:
            self._figures = Figures(self._native.figures())
        return self._figures

    def _repr_html_(self) -> str:
        header, rows = self._native.comparison()
        caption = f"{self.summary['scenario']}, {len(self.summary['seeds'])} seeds"
        shown = [figure for name, figure in self.figures.items() if name in SHOWN]
        return table(header, rows, caption) + "".join(map(image, shown))

    def __repr__(self) -> str:
        names = ", ".join(row["policy"] for row in self.summary["policies"])
        return f"Results({self.summary['scenario']!r}, {len(self.summary['seeds'])} seeds: {names})"


def policies() -> dict[str, str]:
    """Names of all built-in policies, with a one-line summary of each."""
    return dict(_native.policies())


class Topology(TypedDict):
    """A backhaul graph as its file has it."""

    nodes: list[dict[str, Any]]
    """``id``, ``name``, and ``x`` and ``y`` in the unit of the file, or ``None``."""
    links: list[dict[str, Any]]
    """Indices ``a`` and ``b`` of the nodes, and ``length_m`` [m] and ``rate_bps`` [bit/s], or ``None``."""


def topology(path: str | os.PathLike[str]) -> Topology:
    """The backhaul graph of a file, as ``[backhaul] path`` reads it: GraphML, GML, SNDlib XML or JSON.

    Raises:
        ValueError: every problem of the file, one per line.
        OSError: the file cannot be read.
    """
    nodes, links = _native.topology(path)
    return {
        "nodes": [dict(zip(("id", "name", "x", "y"), node)) for node in nodes],
        "links": [dict(zip(("a", "b", "length_m", "rate_bps"), link)) for link in links],
    }


def run(
    scenario: str | Path | Scenario = "wang2025",
    policies: AnyPolicy | Sequence[AnyPolicy] = ("nearest", "price"),
    *,
    seeds: str | Iterable[int] = range(10),
    slots: int | None = None,
    bound: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    threads: int = 0,
    timing: bool = True,
    out: str | os.PathLike[str] | None = None,
    tasks: bool = False,
    force: bool = False,
    progress: Progress = None,
    traffic: AnyTraffic | None = None,
    metrics: Mapping[str, Metric] | None = None,
) -> Results:
    """Compare policies on the same traffic.

    Args:
        scenario: a :class:`Scenario`, the name of a built-in one, or a TOML file.
        policies: names (:func:`policies`), files that ``wayside train`` wrote (``policy.safetensors``), loaded ones
            (:func:`load_policy`), policies of your own (:class:`Policy`), and what acts in an environment
            (:class:`GymPolicy`).
        seeds: one replication each. Integers, or text such as ``"0..9"`` or ``"3,7"``. The same seed always gives
            the same traffic.
        slots: number of slots of a replication; by default the scenario's.
        bound: ``"simple"`` or ``"split"`` computes a certified lower bound of every slot, and so the gap;
            ``"horizon"`` bounds all slots of a run together, where ``time.carry_over`` is true.
        overrides: values of the scenario to replace, such as ``{"fleet.size": 40}``.
        threads: how many seeds run at a time, 0 for one per core; this never changes a result. The GIL is released
            except while a Python policy decides.
        timing: whether to keep decision times, the only numbers that differ between two runs.
        out: folder for the files that ``wayside run --out`` writes.
        tasks: whether to keep every task, in ``results.tasks`` and in ``tasks.parquet`` of ``out``.
        force: whether another run in ``out`` may be replaced.
        progress: by default a bar in notebooks; ``True`` for a bar, ``False`` for none, or a function that is called with
            the number of slots that are done, and of how many.
        traffic: vehicles, tasks or gains of your own in place of the scenario's, see :class:`wayside.models.Traffic`.
        metrics: functions ``f(slot, outcome) -> float`` by name, measured after every decision, for ``results.metrics``;
            ``outcome`` has the columns of :class:`Outcome`. Not where tasks queue, for outcomes are known later there.

    Raises:
        ValueError: bad input; the message names file, line and path.
        OSError: a file that cannot be read or written.
        KeyboardInterrupt: after Ctrl-C, before the next slot; also when called from another thread than the main one.
    """
    found = scenario_of(scenario, overrides)
    if slots is not None:
        found = found.replace({"time.slots": slots})
    single = isinstance(policies, (str, os.PathLike, type)) or any(
        hasattr(policies, method) for method in ("decide", "act")
    )
    entrants: list[Any] = [policies] if single else list(policies)  # type: ignore[arg-type]
    entrants = [_named(entrant) for entrant in entrants]
    with following(progress, "slots") as call:
        return Results(
            _native.run(
                found._native,
                entrants,
                seeds_of(seeds),
                bound,
                threads,
                timing,
                None if out is None else os.fspath(out),
                tasks,
                force,
                call,
                traffic,
                None if metrics is None else list(metrics.items()),
            )
        )


def _named(policy: Any) -> Any:
    """``policy``, or the text of its path, with a separator so that it cannot be taken for a name."""
    if not isinstance(policy, os.PathLike):
        return policy
    path = os.fspath(policy)
    return path if os.path.dirname(path) else os.path.join(os.curdir, path)


def _slot_text(slot: AnySlot) -> tuple[str, str | _native.Slot]:
    if isinstance(slot, _native.Slot):
        return "slot", slot
    if isinstance(slot, Mapping):
        return "slot", json.dumps(slot)
    if isinstance(slot, Path):
        return str(slot), slot.read_text(encoding="utf-8")
    if slot.lstrip().startswith("{"):
        return "slot", slot
    return slot, Path(slot).read_text(encoding="utf-8")


def decide(
    slot: AnySlot,
    policy: AnyPolicy = "price",
    *,
    bound: str | None = None,
) -> Decision:
    """Decide one slot.

    Args:
        slot: a mapping, JSON text, or the path of a JSON file, in the format of ``wayside schema slot``; or a
            :class:`Slot`, such as ``env.unwrapped.slot()``.
        policy: as in :func:`run`.
        bound: ``"simple"`` or ``"split"`` adds a certified lower bound and the gap to it.

    Returns:
        What ``wayside decide --format json`` prints: placements, CPU shares [Hz], delays [s], energies [J],
        certificate.

    Raises:
        ValueError: bad input; the message names file, line and path.
        OSError: a file that cannot be read.
    """
    file, text = _slot_text(slot)
    decision: Decision = json.loads(_native.decide(file, text, _named(policy), bound))
    return decision


def bound(slot: AnySlot, kind: str = "split") -> float | None:
    """Certified lower bound of the objective of one slot, mean over its tasks; ``None`` for a slot without tasks.

    Args:
        slot: as in :func:`decide`.
        kind: ``"simple"`` or ``"split"``.
    """
    return decide(slot, "local", bound=kind)["lower_bound"]
