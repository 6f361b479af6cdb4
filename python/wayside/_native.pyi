"""The native part of ``wayside``; use the package instead."""

import os
from collections.abc import Callable, Iterator
from typing import Any, final

import numpy as np
import numpy.typing as npt

__all__ = [
    "FIGURES",
    "Env",
    "Figure",
    "Learned",
    "Results",
    "Scenario",
    "Slot",
    "Study",
    "StudyFolder",
    "Table",
    "VectorEnv",
    "__version__",
    "benchmark",
    "choose",
    "decide",
    "main",
    "pixels",
    "place",
    "policies",
    "run",
    "topology",
    "train",
]

__version__: str
FIGURES: list[str]

@final
class Scenario:
    """A checked scenario. It cannot be changed, only replaced."""

    @staticmethod
    def resolve(name_or_path: str, overrides: list[tuple[str, str]]) -> Scenario: ...
    @staticmethod
    def from_toml(file: str, text: str, overrides: list[tuple[str, str]]) -> Scenario: ...
    @staticmethod
    def builtin() -> list[str]: ...
    def to_toml(self) -> str: ...

@final
class Slot:
    """One slot: everything a policy may know, in columns. V vehicles, N tasks, M RSUs; rows are counted from 0.

    It is a copy and stays as it is when the run goes on.
    """

    @property
    def seed(self) -> int | None:
        """Seed of the run or episode; ``None`` for a slot from elsewhere."""
    @property
    def now_s(self) -> float:
        """Time of the decision since the start of the run [s]."""
    @property
    def slot_s(self) -> float:
        """Length of the slot [s]."""
    @property
    def omega(self) -> float:
        """Weight of delay against energy in the objective, between 0 and 1."""
    @property
    def tau(self) -> float:
        """Bound tau of the load-balance metric (LBM), equation (10)."""
    @property
    def tasks(self) -> dict[str, npt.NDArray[Any]]:
        """Columns of the tasks, each of shape ``(N,)``.

        int64 ``vehicle`` (row); float64 ``cycles``, ``data_bits``, ``deadline_s``, and ``local_cost``, the cost of the
        task on its own vehicle.
        """
    @property
    def vehicles(self) -> dict[str, npt.NDArray[np.float64]]:
        """Columns of the vehicles, float64 of shape ``(V,)``.

        ``x_m``, ``y_m``, ``tx_power_w``, ``cpu_hz``, ``energy_coeff`` [J s^2/cycle^3], and ``local_wait_s``, the time
        until the vehicle's own CPU is free.
        """
    @property
    def rsus(self) -> dict[str, npt.NDArray[np.float64]]:
        """Columns of the RSUs, float64 of shape ``(M,)``.

        ``x_m``, ``y_m``, ``range_m``, ``bandwidth_hz``, ``cpu_hz``, ``available_cpu_hz`` (what earlier tasks do not
        hold), ``energy_coeff`` [J s^2/cycle^3].
        """
    @property
    def rsu_ids(self) -> list[str]:
        """Names of the RSUs, by row."""
    @property
    def coverage(self) -> dict[str, npt.NDArray[Any]]:
        """Radio links of the vehicles.

        Links ``start[v]`` to ``start[v + 1]`` (exclusive) are those of vehicle ``v``, nearest RSU first: int64 ``start``
        of shape ``(V + 1,)``, and for each link int64 ``rsu`` (row) and float64 ``seconds_per_bit``, the upload time
        of a bit over the whole band.
        """
    @property
    def routes(self) -> dict[str, npt.NDArray[Any]]:
        """Pairs of RSUs with a route, one row each.

        int64 ``from``, ``to`` (rows of RSUs), ``hops``; float64 ``seconds_per_bit`` (migration time of a bit) and
        ``wait_s``.
        """
    @property
    def links(self) -> list[tuple[int, int]]:
        """Links of the backhaul, as pairs of RSU rows, the smaller first."""
    @property
    def network(self) -> dict[str, npt.NDArray[Any]]:
        """Directed links of the backhaul, one row each.

        int64 ``from``, ``to`` (rows of RSUs); float64 ``rate_bps`` [bit/s], ``propagation_s``.
        """
    @property
    def cloud_round_trip_s(self) -> float | None:
        """Time to the cloud and back [s]; ``None`` where there is no cloud."""
    @property
    def queues(self) -> dict[str, npt.NDArray[Any]] | None:
        """Cores and queues as they are; ``None`` where CPU is shared.

        Built-in policies do not look at them, but at :meth:`seen_from`. Of servers, shape ``(M,)``: float64 ``core_hz``
        (speed of a core), ``wait_s`` (until the first core is free), int64 ``busy`` (cores), ``waiting`` (tasks that have
        not begun), bool ``up``. Of cores: float64 ``core_wait_s``; those of server ``m`` are ``core_start[m]`` to
        ``core_start[m + 1]`` (exclusive), int64 ``core_start`` of shape ``(M + 1,)``. Of links, row by row of
        ``network``: float64 ``link_wait_s``, until it has sent all that is queued for it.
        """
    def seen_from(self, entry: int) -> dict[str, npt.NDArray[Any]]:
        """What the server of RSU ``entry`` may know, by the information that has reached it; it knows itself as it is.

        One row per server that it knows of, itself first, then by hops: int64 ``rsu`` (row), ``hops``, ``cores``, ``idle``
        (cores), float64 ``wait_s`` (until the first core is free), ``core_hz``, ``seconds_per_bit`` (migration time of a
        bit). A server without cores does not work. ``link_wait_s`` is float64 of shape ``(L,)``, the links of ``network``.

        Raises:
            ValueError: ``entry`` is not the nearest RSU of a vehicle with a task.
        """
    @property
    def sessions(self) -> dict[str, npt.NDArray[Any]] | None:
        """Sessions that run, whose batches are the tasks, row by row; ``None`` where every task stands alone.

        int64 ``id``, ``left`` (slots, this one included), ``host``, ``moving_to`` (rows of RSUs, -1 for none),
        ``moving_slots`` (until it switches); float64 ``upload_s``, ``interruption_s``, ``down_s`` (downtime that is left),
        ``velocity_mps`` of shape ``(N, 2)``, east and north.
        """

@final
class Table:
    """A table that ``pyarrow.table``, ``polars.DataFrame`` and ``pandas.DataFrame`` read; the first two without a copy."""

    @property
    def column_names(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The columns as NumPy arrays by name: text as objects, what is missing as NaN or ``None``."""
    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> Any: ...

@final
class Results:
    """The results of a run; ``wayside.Results`` wraps it."""

    def summary_json(self) -> str: ...
    def comparison(self) -> tuple[list[str], list[list[str]]]: ...
    def figures(self) -> list[tuple[str, Figure]]: ...
    def slots(self) -> Table: ...
    def metrics(self) -> dict[str, npt.NDArray[Any]] | None: ...
    def tasks(self) -> Table | None: ...

@final
class Figure:
    """A figure; ``wayside.Figure`` wraps it."""

    def svg(self) -> str: ...
    def data_json(self) -> str: ...
    def file(self, extension: str) -> bytes | None: ...

@final
class Study:
    """A study, and how it is run."""

    def __new__(cls, file: str, text: str, folder: str, quick: bool) -> Study: ...
    @staticmethod
    def builtin(name: str) -> str | None: ...
    def open(self, out: str, force: bool) -> StudyFolder: ...
    def run(self, block: tuple[int, int, list[int]]) -> tuple[str, bytes]: ...

@final
class StudyFolder:
    """The folder of a study, locked until it is closed."""

    def missing(self) -> list[tuple[int, int, list[int]]]: ...
    def run(
        self, threads: int, progress: Callable[[int, int], object] | None = None
    ) -> None: ...
    def keep(self, block: tuple[int, int, list[int]], name: str, part: bytes) -> None: ...
    def finish(self) -> tuple[str, list[tuple[str, Figure]]]: ...
    def damaged(self) -> list[str]: ...
    def close(self) -> None: ...

@final
class Learned:
    """A trained policy; ``wayside.TrainedPolicy`` wraps it."""

    @staticmethod
    def load(name_or_path: str, scenario: Scenario | None) -> Learned: ...
    @staticmethod
    def from_bytes(name: str, bytes: bytes) -> Learned: ...
    @property
    def name(self) -> str: ...
    @property
    def form(self) -> str: ...
    @property
    def heads(self) -> list[int]: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: str | os.PathLike[str]) -> None: ...
    def card_json(self) -> str: ...
    def network_json(self) -> str: ...
    def logits(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]: ...
    def tensors(self) -> dict[str, npt.NDArray[np.float32]]: ...

@final
class Env:
    """One environment; ``wayside.env.OffloadingEnv`` makes a Gymnasium environment of it."""

    def __new__(
        cls,
        scenario: Scenario,
        form: str,
        slots: int | None,
        vehicles: int | None,
        masked: str,
        bound: str | None,
        traffic: Any = None,
        plan_slots: int | None = None,
    ) -> Env: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def nvec(self) -> list[int]: ...
    @property
    def position(self) -> tuple[int, int]: ...
    @property
    def places(self) -> int: ...
    @property
    def planned(self) -> int: ...
    @property
    def execution(self) -> str: ...
    @property
    def feature_names(self) -> list[str]: ...
    def reset(self, seed: int | None, scenario: Scenario | None) -> None: ...
    def state(self) -> str: ...
    def restore(self, state: str) -> None: ...
    def step(self, actions: npt.NDArray[np.int64]) -> tuple[float, bool, bool, int]: ...
    def step_sharing(
        self, actions: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]
    ) -> tuple[float, bool, bool, int]: ...
    def plan(self, action: npt.NDArray[np.float32]) -> tuple[float, bool, bool, int]: ...
    def observation(self) -> npt.NDArray[np.float32]: ...
    def mask(self) -> npt.NDArray[np.bool_]: ...
    def context(self) -> npt.NDArray[np.float32]: ...
    def figures(self) -> dict[str, float]: ...
    def slot(self) -> Slot: ...
    def expert(self, policy: Any) -> tuple[npt.NDArray[np.int64], int]: ...
    def express(self, answer: Any) -> tuple[npt.NDArray[np.int64], int]: ...
    def preview(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]: ...
    def placements(self) -> npt.NDArray[np.int64]: ...
    def close(self) -> None: ...

@final
class VectorEnv:
    """Several environments; ``wayside.vector.OffloadingVectorEnv`` makes a Gymnasium vector environment of them."""

    def __new__(
        cls,
        scenario: Scenario,
        form: str,
        slots: int | None,
        vehicles: int | None,
        masked: str,
        bound: str | None,
        count: int,
        threads: int,
        same_step: bool,
        plan_slots: int | None,
    ) -> VectorEnv: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def nvec(self) -> list[int]: ...
    @property
    def execution(self) -> str: ...
    @property
    def seeded(self) -> bool: ...
    def reset(self, seeds: list[int | None], chosen: list[bool]) -> None: ...
    def step(self, actions: npt.NDArray[np.int64]) -> None: ...
    def observation(self) -> npt.NDArray[np.float32]: ...
    def mask(self) -> npt.NDArray[np.bool_]: ...
    def context(self) -> npt.NDArray[np.float32]: ...
    def outcome(self) -> dict[str, npt.NDArray[Any]]: ...
    def last_observations(self) -> list[npt.NDArray[np.float32] | None]: ...
    def close(self) -> None: ...

def choose(
    mask: npt.NDArray[np.bool_], nvec: npt.NDArray[np.int64], units: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]: ...
def pixels(svg: str, wide: int, high: int) -> npt.NDArray[np.uint8]: ...
def policies() -> list[tuple[str, str]]: ...
def benchmark(
    policies: list[Any],
    tasks: list[str],
    quick: bool,
    tuning: bool,
    threads: int,
    timing: bool,
    out: str | None,
    record: bool,
    force: bool,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[str, str, Figure | None]: ...
def topology(
    path: str | os.PathLike[str],
) -> tuple[
    list[tuple[str, str, float | None, float | None]],
    list[tuple[int, int, float | None, float | None]],
]: ...
def run(
    scenario: Scenario,
    policies: list[Any],
    seeds: list[int],
    bound: str | None,
    threads: int,
    timing: bool,
    out: str | None,
    tasks: bool,
    force: bool,
    progress: Callable[[int, int], object] | None = None,
    traffic: Any = None,
    metrics: list[tuple[str, Callable[[Slot, Any], float]]] | None = None,
) -> Results: ...
def place(slot: Slot, policy: Any) -> dict[str, Any]: ...
def decide(file: str, slot: str | Slot, policy: Any, bound: str | None) -> str: ...

def train(
    scenario: Scenario,
    name: str | None,
    algorithm: str,
    encoder: str | None,
    set: list[tuple[str, str]],
    vary: list[str],
    options: list[tuple[str, str]],
    seed: int,
    out: str | os.PathLike[str],
    resume: bool,
    force: bool,
    threads: int,
    callback: Callable[[dict[str, float | None]], object] | None,
    progress: Callable[[int, int], object] | None,
) -> str: ...
def main(arguments: list[str]) -> int: ...
