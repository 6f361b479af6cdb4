"""The environments for PettingZoo, with vehicles as agents: all at the same time, and one after the other."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import EzPickle
from pettingzoo import AECEnv, ParallelEnv

from wayside.env import TRACED, OffloadingEnv, Reward
from wayside.scenario import Scenario, scenario_of

Observation = npt.NDArray[np.float32]


class OffloadingParallelEnv(ParallelEnv[str, Observation, Any], EzPickle):
    """Every vehicle decides for its own tasks, all at the same time; the reward is shared.

    This is the form ``shared`` of :class:`wayside.env.OffloadingEnv`, divided by vehicle: agent ``vehicle_v`` is row
    ``v`` of the fleet: the same vehicle during the whole episode, unless the fleet comes from a trace.

    | | of every agent |
    |---|---|
    | observation | float32 ``(k width,)`` in [-1, 1]: the rows of its tasks, zero for tasks it does not have |
    | action | ``MultiDiscrete([beta + 1, T(, S)] * k)``: entry, target (and rule) of every task |
    | mask | ``info["action_mask"]``, a tuple with one int8 array per head, for ``action_space(agent).sample(mask)`` |
    | reward | ``-J_t``, the same for all |
    | terminated, truncated | never; after ``slots`` slots |

    Args:
        scenario, slots, overrides, masked, render_mode: as in :class:`wayside.env.OffloadingEnv`.
        vehicles: number of agents, where the fleet has no fixed size (traces); rows change there as vehicles come and go.
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
        vehicles: int | None = None,
        overrides: Mapping[str, Any] | None = None,
        masked: Literal["first", "error"] = "first",
        render_mode: str | None = None,
    ) -> None:
        found = scenario_of(scenario, overrides)
        EzPickle.__init__(
            self,
            found,
            slots=slots,
            vehicles=vehicles,
            masked=masked,
            render_mode=render_mode,
        )
        self._env = OffloadingEnv(
            found,
            "shared",
            slots=slots,
            vehicles=vehicles,
            masked=masked,
            # not cut into heads, which takes as long as a step
            mask="observation",
            render_mode=render_mode,
        )
        self.render_mode = render_mode
        size: int = self._env.scenario.fleet.size if vehicles is None else vehicles
        rows, width = self._env._env.shape
        nvec = np.array(self._env._env.nvec, dtype=np.int64).reshape(size, -1)[0]
        self._nvec = nvec
        ends = np.cumsum(nvec).tolist()
        self._heads = list(zip([0, *ends], ends))  # noqa: B905
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
        seen, _ = self._env.reset(seed=seed, options=known)
        self.agents = self.possible_agents.copy()
        return self._deal(seen), self._infos(seen)

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
        if not self.agents:
            raise RuntimeError("environment: the episode is over: reset first")
        seen, reward, terminated, truncated, _ = self._env.step(self._gathered(actions))
        agents = self.agents
        results = (
            self._deal(seen),
            dict.fromkeys(agents, reward),
            dict.fromkeys(agents, terminated),
            dict.fromkeys(agents, truncated),
            self._infos(seen),
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

    def get_state(self) -> bytes:
        """As in :class:`wayside.env.OffloadingEnv`."""
        return self._env.get_state()

    def set_state(
        self, state: bytes
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Go back to where :meth:`get_state` was called: observations and infos as they were then."""
        seen, _ = self._env.set_state(state)
        self.agents = self.possible_agents.copy()
        dealt = self._deal(seen), self._infos(seen)
        if self._env._over:
            self.agents = []
        return dealt

    def __getstate__(self) -> dict[str, Any]:
        return _kept(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        engine = state.pop("_engine", None)
        EzPickle.__setstate__(self, state)
        if engine is not None:
            self._env = engine
            self.agents = [] if engine._over else self.possible_agents.copy()

    def _gathered(self, actions: Mapping[str, Any]) -> npt.NDArray[Any]:
        """The actions of all agents, one after the other."""
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise ValueError(f"actions: must hold one of every agent, got none of {missing[0]}")
        every = [actions[agent] for agent in self.agents]
        shape = self._nvec.shape
        if not all(type(action) is np.ndarray and action.shape == shape for action in every):
            every = [np.asarray(action) for action in every]
            for agent, action in zip(self.agents, every, strict=True):
                if action.shape != shape:
                    raise ValueError(f"actions: {agent}: must be of shape {shape}, got {action.shape}")
        return np.concatenate(every)

    def _deal(self, seen: Mapping[str, npt.NDArray[Any]]) -> dict[str, Observation]:
        rows = seen["observation"].reshape(len(self.possible_agents), -1)
        return dict(zip(self.agents, rows, strict=True))

    def _infos(self, seen: Mapping[str, npt.NDArray[Any]]) -> dict[str, dict[str, Any]]:
        masks = seen["action_mask"].reshape(len(self.possible_agents), -1)
        heads = zip(*(masks[:, start:end] for start, end in self._heads), strict=True)
        return {
            agent: {"action_mask": mask} for agent, mask in zip(self.agents, heads, strict=True)
        }


def _kept(env: OffloadingParallelEnv | OffloadingAECEnv) -> dict[str, Any]:
    """How a copy is made, and the engine with where it stands."""
    state: dict[str, Any] = EzPickle.__getstate__(env)
    if env._env._seeded:
        state["_engine"] = env._env
    return state


class OffloadingAECEnv(AECEnv[str, Observation, Any], EzPickle):
    """Vehicles decide one after the other, each when the turn of one of its tasks comes; the reward is shared.

    This is the form ``sequential`` of :class:`wayside.env.OffloadingEnv`, in every scenario: where CPU is shared, where tasks
    queue, and for sessions. Agent ``vehicle_v`` decides for row ``v`` of the fleet. Some vehicles may have no turn in a slot, some
    several.

    | | of every agent |
    |---|---|
    | observation | float32 ``(options features,)`` in [-1, 1]: a row per option, one after the other; zero while it is not its turn |
    | action | ``Discrete(options)`` |
    | mask | ``info["action_mask"]``, int8 ``(options,)``, for ``action_space(agent).sample(mask)`` |
    | reward | as ``reward`` says, the same for all |
    | terminated, truncated | never; after ``slots`` slots |

    Where a slot has no task, the first agent has a turn with one legal action.

    Args:
        scenario, slots, overrides, masked, reward, render_mode: as in :class:`wayside.env.OffloadingEnv`.
        vehicles: number of agents, where the fleet has no fixed size (traces); rows change there as vehicles come and go.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "wayside_offloading_v0",
        "render_modes": OffloadingEnv.metadata["render_modes"],
        "render_fps": 4,
        "is_parallelizable": False,
    }

    def __init__(
        self,
        scenario: str | Path | Scenario = "wang2025",
        *,
        slots: int | None = None,
        vehicles: int | None = None,
        overrides: Mapping[str, Any] | None = None,
        masked: Literal["first", "error"] = "first",
        reward: Reward | Mapping[Reward, float] = "objective",
        render_mode: str | None = None,
    ) -> None:
        super().__init__()
        found = scenario_of(scenario, overrides)
        EzPickle.__init__(
            self,
            found,
            slots=slots,
            vehicles=vehicles,
            masked=masked,
            reward=reward,
            render_mode=render_mode,
        )
        self._env = OffloadingEnv(
            found, "sequential", slots=slots, masked=masked, reward=reward, render_mode=render_mode
        )
        self.render_mode = render_mode
        if vehicles is None and found.fleet.mobility.kind in TRACED:
            raise ValueError("vehicles: must be given where the fleet comes from a trace")
        size: int = vehicles or found.fleet.size
        rows, width = self._env._env.shape
        self.possible_agents = [f"vehicle_{v}" for v in range(size)]
        self.agents: list[str] = []
        shape = (rows * width,)
        self._nothing = np.zeros(shape, np.float32)
        self._closed = np.eye(1, rows, dtype=np.int8)[0]
        self.observation_spaces = {
            agent: spaces.Box(-1.0, 1.0, shape, np.float32) for agent in self.possible_agents
        }
        self.action_spaces = {agent: spaces.Discrete(rows) for agent in self.possible_agents}

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Features, float32 in [-1, 1]."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The options of a task."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start an episode; ``overrides`` and ``scenario`` of ``options`` as in :class:`wayside.env.OffloadingEnv`."""
        known = {k: v for k, v in (options or {}).items() if k in ("overrides", "scenario")}
        rows, _ = self._env.reset(seed=seed, options=known)
        self.agents = self.possible_agents.copy()
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: {"action_mask": self._closed} for agent in self.agents}
        self.agent_selection = self.agents[0]
        self._vehicles: tuple[Any, Any] = (None, None)
        self._select(rows)

    def _select(self, rows: Observation) -> None:
        """Give the turn to whose task is to be decided."""
        self.infos[self.agent_selection] = {"action_mask": self._closed}
        engine = self._env._env
        if self._vehicles[0] != engine.position:
            self._vehicles = (engine.position, engine.slot().tasks["vehicle"])
        mask = engine.mask()
        tasks, _ = engine.preview(np.array([int(mask.argmax())]))
        vehicle = int(self._vehicles[1][tasks[0]]) if len(tasks) else 0
        if vehicle >= len(self.possible_agents):
            raise ValueError(f"vehicles: must be above {vehicle}, got {len(self.possible_agents)}")
        self.agent_selection = self.possible_agents[vehicle]
        self.infos[self.agent_selection] = {"action_mask": mask.view(np.int8)}
        self._shown = rows.reshape(-1)

    def step(self, action: Any) -> None:
        """Take the action of the agent whose turn it is; ``None`` of one that is done."""
        if not self.agents:
            raise RuntimeError("environment: the episode is over: reset first")
        agent = self.agent_selection
        if self.truncations[agent]:
            self._was_dead_step(action)
            return
        rows, reward, _, truncated, _ = self._env.step(action)
        self._cumulative_rewards[agent] = 0.0
        self.rewards = dict.fromkeys(self.agents, reward)
        self._accumulate_rewards()
        if truncated:
            self.truncations = dict.fromkeys(self.agents, True)
            self._shown = rows.reshape(-1)
            self.agent_selection = self.agents[0]
            return
        self._select(rows)

    def observe(self, agent: str) -> Observation:
        """The options of its task, where it is its turn."""
        return self._shown.copy() if agent == self.agent_selection else self._nothing.copy()

    def get_state(self) -> bytes:
        """As in :class:`wayside.env.OffloadingEnv`, with the rewards of all agents."""
        told = (self._env.get_state(), self.agent_selection, self.rewards, self._cumulative_rewards)
        return pickle.dumps((*told, self.truncations, bool(self.agents)))

    def set_state(self, state: bytes) -> None:
        """Go back to where :meth:`get_state` was called, in an environment made alike; like any pickle, only from who you trust."""
        engine, selected, rewards, cumulative, truncations, going = pickle.loads(state)
        rows, _ = self._env.set_state(engine)
        self.agents = self.possible_agents.copy() if going else []
        self.rewards, self._cumulative_rewards = dict(rewards), dict(cumulative)
        self.terminations = dict.fromkeys(self.possible_agents, False)
        self.truncations = dict(truncations)
        self.infos = {agent: {"action_mask": self._closed} for agent in self.possible_agents}
        self.agent_selection = selected
        self._vehicles = (None, None)
        if self._env._over:
            self._shown = rows.reshape(-1)
        else:
            self._select(rows)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = EzPickle.__getstate__(self)
        if self._env._seeded:
            state["_state"] = self.get_state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.pop("_state", None)
        EzPickle.__setstate__(self, state)
        if kept is not None:
            self.set_state(kept)

    def render(self) -> npt.NDArray[np.uint8] | None:
        """As in :class:`wayside.env.OffloadingEnv`."""
        return self._env.render()

    def close(self) -> None:
        """Free the engine; every later call except this one raises."""
        self._env.close()

    def state(self) -> npt.NDArray[np.float32]:
        """Features of the slot as a whole, float32 of shape ``(globals,)``."""
        return self._env._env.context()
