"""Models of your own in place of those that a scenario describes, and metrics of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from wayside import _native

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from wayside.api import Outcome

Columns: TypeAlias = Any
"""Columns by name: a mapping of arrays, or a table of Arrow, Polars or pandas."""

Metric: TypeAlias = "Callable[[_native.Slot, Outcome], float]"
"""Called after every decision with the slot and what became of its tasks."""


class Traffic(Protocol):
    """Where vehicles are, which tasks arise, what radio links carry: any class or object with some of these methods.

    Every seed gets a new instance of a class, or a deep copy of an object. A class whose ``__init__`` has a parameter ``seed`` is
    made with it, and ``reset(seed)``, if there is one, is called before the first slot. Whatever has no method stays as the scenario
    says. Results and manifests name the scenario and do not know of such models: say in your paper what they were.

    Each method may also return an Arrow table (or one of Polars or pandas) with these columns.
    """

    def positions(self, time_s: float, /) -> Columns:
        """The vehicles at ``time_s`` [s], which never goes back.

        Returns:
            ``x_m``, ``y_m`` [m], float64 ``(V,)``, and perhaps ``id``, int64 ``(V,)``: stable numbers by which vehicles that come
            and go keep their properties. Without it they are numbered by row.
        """
        ...

    def gains_db(self, slot: _native.Slot, /) -> npt.NDArray[np.float64]:
        """The gain of every radio link, antennas included [dB]: float64 ``(V, M)``, -inf where there is none.

        RSUs cover vehicles within their range only. Fading, errors and delays of ``[channel]`` come on top. ``slot`` has the
        vehicles of this instant; its tasks and links are those of the slot before.
        """
        ...

    def tasks(self, slot: _native.Slot, /) -> Columns:
        """The tasks that arise now, of ``slot``'s vehicles.

        Returns:
            ``vehicle``, int64 ``(N,)``, rows of the vehicles that never fall; ``cycles``, ``data_bits``, ``deadline_s`` [s], float64
            ``(N,)``, above 0.
        """
        ...


class TableTraffic:
    """Traffic from tables with a row per slot and vehicle, or per slot and task: Arrow, Polars, pandas, or a mapping of columns.

    Args:
        positions: ``slot``, ``x_m``, ``y_m``, and perhaps ``id``, as :meth:`Traffic.positions` returns them.
        tasks: ``slot``, ``vehicle``, ``cycles``, ``data_bits``, ``deadline_s``, as :meth:`Traffic.tasks` returns them.
        gains_db: float ``(slots, V, M)``, as :meth:`Traffic.gains_db` returns them, slot by slot.
        slot_s: length of a slot [s]: that of the scenario.

    Slots are counted from 0. A slot without rows has no vehicles, or no tasks.
    """

    def __init__(
        self,
        *,
        positions: Columns | None = None,
        tasks: Columns | None = None,
        gains_db: npt.ArrayLike | None = None,
        slot_s: float = 1.0,
    ) -> None:
        import numpy as np

        self.slot_s = slot_s
        # a method is there only where there is something to say
        if positions is not None:
            self._positions = _grouped(positions, ("x_m", "y_m"), ("id",))
            self.positions = self._positions_at
        if tasks is not None:
            self._tasks = _grouped(tasks, ("vehicle", "cycles", "data_bits", "deadline_s"), ())
            self.tasks = self._tasks_of
        if gains_db is not None:
            self._gains = np.asarray(gains_db, dtype=np.float64)
            if self._gains.ndim != 3:
                raise ValueError(f"gains_db: must have 3 dimensions, got {self._gains.ndim}")
            self.gains_db = self._gains_of

    def _number(self, time_s: float) -> int:
        return round(time_s / self.slot_s)

    def _positions_at(self, time_s: float) -> Columns:
        return self._positions(self._number(time_s))

    def _tasks_of(self, slot: _native.Slot) -> Columns:
        return self._tasks(self._number(slot.now_s))

    def _gains_of(self, slot: _native.Slot) -> npt.NDArray[np.float64]:
        number = self._number(slot.now_s)
        if number >= len(self._gains):
            raise ValueError(f"gains_db: must have slot {number}, have {len(self._gains)} slots")
        gains: npt.NDArray[np.float64] = self._gains[number]
        return gains

    def __deepcopy__(self, memo: object) -> TableTraffic:
        # nothing of it changes
        return self


class _grouped:
    """The rows of every slot of a table."""

    def __init__(self, table: Columns, names: tuple[str, ...], others: tuple[str, ...]) -> None:
        import numpy as np

        def column(name: str) -> npt.NDArray[Any]:
            try:
                return np.asarray(table[name])
            except (KeyError, TypeError):
                raise ValueError(f"table: must have a column {name}") from None

        slots = column("slot")
        order = np.argsort(slots, kind="stable")
        self._slots = slots[order]
        there = [*names, *(name for name in others if _has(table, name))]
        self._columns = {name: column(name)[order] for name in there}

    def __call__(self, slot: int) -> Mapping[str, npt.NDArray[Any]]:
        import numpy as np

        start, end = np.searchsorted(self._slots, [slot, slot + 1])
        return {name: column[start:end] for name, column in self._columns.items()}


def _has(table: Columns, name: str) -> bool:
    names = getattr(table, "column_names", None)
    if names is None:
        names = table.keys() if hasattr(table, "keys") else table.columns
    return name in names
