"""The environment for PettingZoo, with vehicles as agents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import EzPickle
from pettingzoo import ParallelEnv

from wayside.env import OffloadingEnv
from wayside.scenario import Scenario, scenario_of

Observation = npt.NDArray[np.float32]


class OffloadingParallelEnv(ParallelEnv[str, Observation, Any], EzPickle):
    """Every vehicle decides for its own tasks, all at the same time; the reward is shared.

    This is the form ``shared`` of :class:`wayside.env.OffloadingEnv`, divided by vehicle: agent ``vehicle_v`` is row
    ``v`` of the fleet during the whole episode.

    | | of every agent |
    |---|---|
    | observation | float32 ``(k width,)`` in [-1, 1]: the rows of its tasks, zero for tasks it does not have |
    | action | ``MultiDiscrete([beta + 1, T(, S)] * k)``: entry, target (and rule) of every task |
    | mask | ``info["action_mask"]``, a tuple with one int8 array per head, for ``action_space(agent).sample(mask)`` |
    | reward | ``-J_t``, the same for all |
    | terminated, truncated | never; after ``slots`` slots |

    Args:
        scenario, slots, overrides, masked, render_mode: as in :class:`wayside.env.OffloadingEnv`. Traces are
            refused, because their rows change as vehicles come and go.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "wayside_offloading_v0",
        "render_modes": OffloadingEnv.metadata["render_modes"],
        "render_fps": 4,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        scenario: str | Path | Scenario = "wang2025",
        *,
        slots: int | None = None,
        overrides: Mapping[str, Any] | None = None,
        masked: Literal["first", "error"] = "first",
        render_mode: str | None = None,
    ) -> None:
        found = scenario_of(scenario, overrides)
        EzPickle.__init__(self, found, slots=slots, masked=masked, render_mode=render_mode)
        self._env = OffloadingEnv(
            found,
            "shared",
            slots=slots,
            masked=masked,
            render_mode=render_mode,
        )
        self.render_mode = render_mode
        size: int = self._env.scenario.fleet.size
        rows, width = self._env._env.shape
        nvec = np.array(self._env._env.nvec, dtype=np.int64).reshape(size, -1)[0]
        self._nvec = nvec
        self.possible_agents = [f"vehicle_{v}" for v in range(size)]
        self.agents: list[str] = []
        self.observation_spaces = {
            agent: spaces.Box(-1.0, 1.0, (rows // size * width,), np.float32)
            for agent in self.possible_agents
        }
        self.action_spaces = {agent: spaces.MultiDiscrete(nvec) for agent in self.possible_agents}

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Features, float32 in [-1, 1]."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Entry, target (and rule) of every task."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Start an episode; ``overrides`` and ``scenario`` of ``options`` as in :class:`wayside.env.OffloadingEnv`."""
        # PettingZoo's tests pass others
        known = {k: v for k, v in (options or {}).items() if k in ("overrides", "scenario")}
        observation, info = self._env.reset(seed=seed, options=known)
        self.agents = self.possible_agents.copy()
        return self._deal(observation), self._infos(info)

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Take the actions of all agents."""
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise ValueError(f"actions: must hold one of every agent, got none of {missing[0]}")
        if not self.agents:
            raise RuntimeError("environment: the episode is over: reset first")
        every = [np.asarray(actions[agent]) for agent in self.agents]
        shape = self.action_spaces[self.agents[0]].shape
        for agent, action in zip(self.agents, every, strict=True):
            if action.shape != shape:
                raise ValueError(f"actions: {agent}: must be of shape {shape}, got {action.shape}")
        observation, reward, terminated, truncated, info = self._env.step(np.concatenate(every))
        agents = self.agents
        results = (
            self._deal(observation),
            dict.fromkeys(agents, reward),
            dict.fromkeys(agents, terminated),
            dict.fromkeys(agents, truncated),
            self._infos(info),
        )
        if truncated:
            self.agents = []
        return results

    def render(self) -> npt.NDArray[np.uint8] | None:
        """As in :class:`wayside.env.OffloadingEnv`."""
        return self._env.render()

    def close(self) -> None:
        """Free the engine; every later call except this one raises."""
        self._env.close()

    def state(self) -> npt.NDArray[np.float32]:
        """Features of the slot as a whole, float32 of shape ``(globals,)``."""
        return self._env._env.context()

    def _deal(self, observation: Observation) -> dict[str, Observation]:
        rows = observation.reshape(len(self.possible_agents), -1)
        return dict(zip(self.agents, rows, strict=True))

    def _infos(self, info: dict[str, Any]) -> dict[str, dict[str, Any]]:
        heads = len(self._nvec)
        masks = info["action_mask"]
        return {
            agent: {"action_mask": masks[v * heads : (v + 1) * heads]}
            for v, agent in enumerate(self.agents)
        }
