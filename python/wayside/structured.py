"""The slot as arrays by name, in SI units: observations for networks over graphs and sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from wayside._native import Slot

# the largest finite number: spaces without bounds make Gymnasium's checker warn
MOST = float(np.finfo(np.float32).max)

TASKS = ("cycles", "data_bits", "deadline_s", "local_cost")
VEHICLES = ("x_m", "y_m", "tx_power_w", "cpu_hz", "energy_coeff", "local_wait_s")
RSUS = ("x_m", "y_m", "bandwidth_hz", "cpu_hz", "available_cpu_hz", "energy_coeff")
SERVERS = ("core_hz", "wait_s", "busy", "waiting")
SESSIONS = ("left", "host", "moving_to", "moving_slots", "upload_s", "interruption_s", "down_s")
"""Columns of the arrays, as in :class:`wayside.Slot`."""


class Structure:
    """The arrays that a slot of at most ``vehicles`` vehicles with at most ``per_vehicle`` tasks fills.

    Args:
        slot: any slot of the environment, for its RSUs.
    """

    def __init__(self, slot: Slot, vehicles: int, per_vehicle: int) -> None:
        self.vehicles, self._per_vehicle = vehicles, per_vehicle
        self.places, rsus = vehicles * per_vehicle, len(slot.rsu_ids)
        shapes: dict[str, tuple[int, ...]] = {
            "tasks": (self.places, len(TASKS)),
            "vehicles": (vehicles, len(VEHICLES)),
            "rsus": (rsus, len(RSUS)),
            "uplink_s_per_bit": (vehicles, rsus),
            "migration_s_per_bit": (rsus, rsus),
            "hops": (rsus, rsus),
        }
        if slot.queues is not None:
            shapes["servers"] = (rsus, len(SERVERS))
        if slot.sessions is not None:
            shapes["sessions"] = (self.places, len(SESSIONS))
        self._shapes = shapes

    def spaces(self) -> dict[str, spaces.Space[Any]]:
        """A space for every array."""
        return {name: spaces.Box(-MOST, MOST, shape, np.float32) for name, shape in self._shapes.items()}

    def of(self, slot: Slot) -> dict[str, npt.NDArray[np.float32]]:
        """The arrays of ``slot``; rows of what is not there are zero.

        Raises:
            ValueError: more vehicles than there are places.
        """
        arrays = {name: np.zeros(shape, np.float32) for name, shape in self._shapes.items()}
        places = self.places_of(slot)
        vehicles, rsus, coverage, routes = slot.vehicles, slot.rsus, slot.coverage, slot.routes
        arrays["tasks"][places] = _columns(slot.tasks, TASKS)
        arrays["vehicles"][: len(vehicles["x_m"])] = _columns(vehicles, VEHICLES)
        arrays["rsus"][:] = _columns(rsus, RSUS)
        vehicle = np.repeat(np.arange(len(vehicles["x_m"])), np.diff(coverage["start"]))
        arrays["uplink_s_per_bit"][vehicle, coverage["rsu"]] = coverage["seconds_per_bit"]
        arrays["hops"][:] = -1.0
        ends = routes["from"], routes["to"]
        arrays["migration_s_per_bit"][ends] = routes["seconds_per_bit"]
        arrays["hops"][ends] = routes["hops"]
        if (queues := slot.queues) is not None:
            arrays["servers"][:] = _columns(queues, SERVERS)
        if (sessions := slot.sessions) is not None:
            arrays["sessions"][places] = _columns(sessions, SESSIONS)
        return arrays

    def places_of(self, slot: Slot) -> npt.NDArray[np.int64]:
        """The row of every task among the places: ``v k + j`` for the ``j``-th task of vehicle ``v``."""
        vehicle = slot.tasks["vehicle"]
        first = np.searchsorted(vehicle, vehicle, side="left")
        nth = np.arange(len(vehicle)) - first
        there = len(slot.vehicles["x_m"])
        if there > self.vehicles or (len(nth) and int(nth.max()) >= self._per_vehicle):
            raise ValueError(f"vehicles: must be at least {there}, the vehicles of this slot, got {self.vehicles}")
        places: npt.NDArray[np.int64] = vehicle * self._per_vehicle + nth
        return places


def _columns(of: dict[str, npt.NDArray[Any]], names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Columns side by side; what is infinite, as the wait for a server that is down, is the largest number."""
    columns = np.stack([of[name].astype(np.float64) for name in names], axis=1)
    return np.clip(columns, -MOST, MOST).astype(np.float32)
