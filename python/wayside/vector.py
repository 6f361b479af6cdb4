"""Many environments at once, stepped in Rust without the GIL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from gymnasium.utils import EzPickle
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from wayside import _native
from wayside._seeds import seed_of
from wayside.env import (
    Form,
    Observation,
    Reward,
    action_space,
    figures_of,
    observation_space,
    reward_of,
    single,
)
from wayside.masks import integers
from wayside.scenario import Scenario, scenario_of


class OffloadingVectorEnv(VectorEnv[Observation, Any, Any], EzPickle):
    """``num_envs`` copies of :class:`wayside.env.OffloadingEnv`, with the same numbers as separate environments.

    ``gymnasium.make_vec("wayside/Offloading-v0", num_envs=8, vectorization_mode="vector_entry_point")``.

    | | shape |
    |---|---|
    | observations | float32 ``(num_envs, *observation)`` |
    | actions | int64 ``(num_envs, heads)``, ``(num_envs,)`` for ``sequential`` |
    | rewards | float64 ``(num_envs,)`` |
    | terminations, truncations | bool ``(num_envs,)`` |
    | ``action_masks()``, ``infos["action_mask"]`` | bool ``(num_envs, sum(nvec))`` |
    | every other info, and under its name with ``_`` in front, whether it is present | ``(num_envs, ...)`` |

    ``reset(seed=s)`` gives environment ``i`` the seed ``s + i``; a list gives every environment its own seed.

    | ``autoreset_mode`` | after an episode is truncated |
    |---|---|
    | ``NEXT_STEP`` | the next step ignores the action of that environment, resets it and gives reward 0 |
    | ``SAME_STEP`` | it is reset at once; its last observation is in ``infos["final_obs"]`` |
    | ``DISABLED`` | it must be reset by ``options={"reset_mask": truncated}`` before the next step |

    In every mode, ``reset(options={"reset_mask": mask})`` starts an episode only where ``mask``, bool of shape
    ``(num_envs,)``, is true.

    Args:
        num_envs: number of environments.
        threads: how many of them are stepped at a time, 0 for one per core; this never changes a result.
        autoreset_mode: see above.
        scenario, form, slots, vehicles, overrides, masked, reward, bound, plan_slots: as in :class:`wayside.env.OffloadingEnv`.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        scenario: str | Path | Scenario = "wang2025",
        form: Form = "flat",
        *,
        slots: int | None = None,
        vehicles: int | None = None,
        overrides: Mapping[str, Any] | None = None,
        masked: Literal["first", "error"] = "first",
        reward: Reward | Mapping[Reward, float] = "objective",
        bound: Literal["simple", "split"] | None = None,
        plan_slots: int | None = None,
        threads: int = 0,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: None = None,
    ) -> None:
        mode = AutoresetMode(autoreset_mode)
        self.scenario = scenario_of(scenario, overrides)
        EzPickle.__init__(
            self,
            num_envs,
            self.scenario,
            form,
            slots=slots,
            vehicles=vehicles,
            masked=masked,
            reward=reward,
            bound=bound,
            plan_slots=plan_slots,
            threads=threads,
            autoreset_mode=mode,
        )
        self.num_envs = num_envs
        self.form = form
        self.metadata = {**type(self).metadata, "autoreset_mode": mode}
        self.render_mode = render_mode
        self._same_step = mode == AutoresetMode.SAME_STEP
        self._env = _native.VectorEnv(
            self.scenario._native,
            form,
            slots,
            vehicles,
            masked,
            bound,
            num_envs,
            threads,
            self._same_step,
            plan_slots,
        )
        self._reward = reward_of(reward, form, self._env.execution)
        self._figures = figures_of(self._env.execution, bound)
        self.single_observation_space = observation_space(form, self._env.shape)
        self.single_action_space = action_space(form, self._env.nvec)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        rows, width = self._env.shape
        self._single: tuple[int, ...] = (width,) if single(form) else (rows, width)
        self._shape = (num_envs, *self._single)
        heads = () if form == "sequential" else (len(self._env.nvec),)
        self._actions = (num_envs, *heads)
        self._everywhere = np.ones(num_envs, dtype=np.bool_)
        self._is_manual = mode == AutoresetMode.DISABLED
        self._over = np.zeros(num_envs, dtype=np.bool_)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode in every environment, or where ``options["reset_mask"]`` is true."""
        chosen = self._chosen(options)
        seeds: list[int | None]
        if seed is None:
            seeds = [None] * self.num_envs
        elif isinstance(seed, (Sequence, np.ndarray)):
            each = enumerate(seed)
            seeds = [None if s is None else seed_of(s, f"seed[{i}]") for i, s in each]
        else:
            first = seed_of(seed, "seed")
            super().reset(seed=first)
            seeds = [seed_of(first + i, "seed") for i in range(self.num_envs)]
        if not self._env.seeded:
            seeds = [int(self.np_random.integers(2**63)) if s is None else s for s in seeds]
        self._env.reset(seeds, chosen.tolist())
        self._over &= ~chosen
        return self._observation(), self._infos(self._env.outcome(), self._everywhere)

    def _chosen(self, options: dict[str, Any] | None) -> npt.NDArray[np.bool_]:
        """The environments in which an episode starts."""
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return self._everywhere
        mask = np.asarray(mask)
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise ValueError(
                f"reset_mask: must be bool of shape ({self.num_envs},), got {mask.dtype} of shape {mask.shape}"
            )
        return mask

    def step(
        self, actions: Any
    ) -> tuple[
        Observation,
        npt.NDArray[np.float64],
        npt.NDArray[np.bool_],
        npt.NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Take the actions of all environments: int64 of shape ``(num_envs, heads)``, ``(num_envs,)`` for ``sequential``."""
        if self._is_manual and self._over.any():
            over = np.flatnonzero(self._over).tolist()
            raise ValueError(f"environments {over}: the episode is over: reset them by reset_mask")
        self._env.step(integers(actions, self._actions, "actions").reshape(-1))
        outcome = self._env.outcome()
        rewards, truncated = outcome.pop("reward"), outcome.pop("truncated")
        ended = outcome.pop("slot_ended")
        self._over = truncated.copy()
        infos = self._infos(outcome, self._everywhere)
        if self._reward is not None:
            rewards = np.where(ended, self._reward(outcome), 0.0)
        infos["slot_ended"], infos["_slot_ended"] = ended, self._everywhere
        for name in self._figures:
            infos[name], infos[f"_{name}"] = outcome[name], ended
        if self._same_step and truncated.any():
            last = np.full(self.num_envs, None, dtype=object)
            for i, rows in enumerate(self._env.last_observations()):
                if rows is not None:
                    last[i] = rows.reshape(self._single)
            infos["final_obs"], infos["_final_obs"] = last, truncated
            final = {name: np.where(truncated, outcome[name], 0.0) for name in self._figures}
            infos["final_info"] = {**final, **{f"_{name}": truncated for name in self._figures}}
            infos["_final_info"] = truncated
        terminated = np.zeros(self.num_envs, dtype=np.bool_)
        return self._observation(), rewards, terminated, truncated, infos

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which actions are legal now: bool ``(num_envs, sum(nvec))``."""
        return self._env.mask().reshape(self.num_envs, -1)

    def close_extras(self, **kwargs: Any) -> None:
        """Free the engines and their threads."""
        self._env.close()

    def _observation(self) -> Observation:
        return self._env.observation().reshape(self._shape)

    def _infos(
        self, outcome: dict[str, npt.NDArray[Any]], there: npt.NDArray[np.bool_]
    ) -> dict[str, Any]:
        infos: dict[str, Any] = {
            "action_mask": self.action_masks(),
            "context": self._env.context().reshape(self.num_envs, -1),
            "seed": outcome["seed"],
            "slot": outcome["slot"],
            "masked": outcome["masked"],
        }
        return infos | {f"_{name}": there for name in infos}
