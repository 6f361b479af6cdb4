"""Data sets of decisions, for learning from them: imitation, offline reinforcement learning."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wayside import _native
from wayside._seeds import seeds_of
from wayside.api import _named
from wayside.learned import GymPolicy, TrainedPolicy
from wayside.scenario import Scenario

if TYPE_CHECKING:
    import minari

    from wayside.api import AnyPolicy
    from wayside.env import Form, OffloadingEnv, Reward


def record(
    policy: AnyPolicy,
    dataset_id: str,
    scenario: str | Path | Scenario = "wang2025",
    form: Form = "sequential",
    *,
    seeds: str | Iterable[int] = range(10),
    slots: int | None = None,
    vehicles: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    reward: Reward = "objective",
    bound: Literal["auto", "simple", "split"] | None = "auto",
    exact: bool = False,
    description: str | None = None,
    author: str | None = None,
    author_email: str | None = None,
    code_permalink: str | None = None,
) -> minari.MinariDataset:
    """Record what ``policy`` decides, as a Minari data set: ``pip install wayside[data]``.

    ``minari.load_dataset(dataset_id)`` reads it again, and ``dataset.recover_environment()`` makes its environment, where
    ``scenario`` is a name or a file. It lies where Minari keeps data sets (``MINARI_DATASETS_PATH``).

    =======================  ==================================================================================
    an episode               a seed; T steps
    ``observations``         float32 ``(T + 1, *observation)``, see :class:`wayside.env.OffloadingEnv`
    ``actions``              int64 ``(T, heads)``, ``(T,)`` for ``sequential``; float32 ``(T, actions)`` for ``plan``
    ``rewards``              float64 ``(T,)``
    ``truncations``          bool ``(T,)``: true in the last step; ``terminations`` are false
    ``infos``                columns ``(T + 1, ...)``; row ``t`` belongs to observation ``t``
    ``infos["action_mask"]`` int8 ``(T + 1, sum(nvec))``, head by head; not for ``plan``
    ``infos["lower_bound"]`` certified bound of the slot that the step before completed, as ``objective`` and all other
                             figures: 0 where it completed none
    ``infos["missed"]``      how many placements of the policy the action could not say
    =======================  ==================================================================================

    Args:
        policy: as in :func:`wayside.run`. A :class:`wayside.GymPolicy` and a trained policy of this ``form`` act by the
            observation; any other policy decides the slot, and the action is what says its placements.
        dataset_id: name of the data set, such as ``"wayside/price-v0"``.
        scenario, form, slots, vehicles, overrides, reward: as in :class:`wayside.env.OffloadingEnv`.
        seeds: one episode each, with the traffic of that seed in a run.
        bound: ``"auto"`` is ``"split"``, and None for sessions, which have no bound of a slot.
        exact: raise ``ValueError`` where the form cannot say a placement of the policy.
        description, author, author_email, code_permalink: for the data set's card.

    Raises:
        ImportError: Minari is not installed.
        ValueError: bad input, or there is such a data set. Nothing is left of one that was begun.
    """
    import minari
    from minari.data_collector import EpisodeBuffer
    from minari.storage import get_dataset_path

    folder = Path(get_dataset_path(dataset_id))
    if folder.exists():
        raise ValueError(f"dataset_id: {dataset_id} is there already; minari.delete_dataset removes it")
    every = seeds_of(seeds)
    if not every:
        raise ValueError("seeds: must hold at least one")
    env = _environment(scenario, form, slots, vehicles, overrides, reward, bound)
    unwrapped: OffloadingEnv = env.unwrapped
    whole = False
    dataset = None
    try:
        for seed in every:
            episode = EpisodeBuffer(seed=seed, **_episode(unwrapped, policy, seed, exact))
            if dataset is not None:
                dataset.storage.update_episodes([episode])
                continue
            with warnings.catch_warnings():
                # about every part of the card that is left out
                warnings.simplefilter("ignore", UserWarning)
                dataset = minari.create_dataset_from_buffers(
                    dataset_id,
                    [episode],
                    # the card of an environment is JSON
                    env=None if isinstance(scenario, Scenario) else env,
                    observation_space=env.observation_space,
                    action_space=env.action_space,
                    algorithm_name=_name(policy),
                    description=description or f"{_name(policy)} in {unwrapped.scenario.scenario.name}, {form}",
                    author=author,
                    author_email=author_email,
                    code_permalink=code_permalink,
                    requirements=[f"wayside=={_native.__version__}"],
                )
        whole = True
    finally:
        env.close()
        if not whole:
            shutil.rmtree(folder, ignore_errors=True)
    return minari.load_dataset(dataset_id)


def _environment(
    scenario: str | Path | Scenario,
    form: Form,
    slots: int | None,
    vehicles: int | None,
    overrides: Mapping[str, Any] | None,
    reward: Reward,
    bound: Literal["auto", "simple", "split"] | None,
) -> Any:
    """The environment, made from what JSON can hold where that is possible."""
    import gymnasium

    from wayside.scenario import scenario_of

    if bound == "auto":
        kind = scenario_of(scenario, overrides).root.get("execution", {}).get("kind")
        bound = None if kind == "sessions" else "split"
    given: dict[str, Any] = {
        "slots": slots,
        "vehicles": vehicles,
        "overrides": None if overrides is None else dict(overrides),
        "bound": bound,
    }
    return gymnasium.make(
        "wayside/Offloading-v0",
        disable_env_checker=True,
        scenario=os.fspath(scenario) if isinstance(scenario, Path) else scenario,
        form=form,
        reward=reward,
        **{name: value for name, value in given.items() if value is not None},
    )


def _name(policy: Any) -> str:
    """What the policy is called in results."""
    if isinstance(policy, (str, os.PathLike)):
        return os.fspath(policy)
    name = getattr(policy, "name", None) or getattr(policy, "__name__", None)
    return str(name or type(policy).__name__)


def _acting(env: OffloadingEnv, policy: Any, exact: bool) -> Any:
    """A function of the observation: the action, and how many placements it could not say."""
    if isinstance(policy, (GymPolicy, TrainedPolicy)) and policy.form == env.form:
        act = policy.act

        def by_observation(observation: Any) -> tuple[Any, int]:
            return act(observation, env.action_masks()), 0

        return by_observation
    named = _named(policy)

    def by_slot(_: Any) -> tuple[Any, int]:
        actions, missed = env._env.expert(named)
        return env._said(actions, missed, exact), missed

    return by_slot


def _steps(env: OffloadingEnv, policy: Any, seed: int, exact: bool) -> Iterator[tuple[Any, ...]]:
    """What happens: observation, info, action, reward, whether it was the last step; first without an action."""
    observation, info = env.reset(seed=seed)
    yield observation, {**info, "missed": 0}, None, 0.0, False
    act, over = _acting(env, policy, exact), False
    while not over:
        action, missed = act(observation)
        observation, reward, _, over, info = env.step(action)
        yield observation, {**info, "missed": missed}, action, reward, over


def _episode(env: OffloadingEnv, policy: Any, seed: int, exact: bool) -> dict[str, Any]:
    """The columns of an episode."""
    import numpy as np

    observations, infos, actions, rewards, truncations = zip(
        *_steps(env, policy, seed, exact), strict=True
    )
    columns = {name: [info[name] for info in infos] for name in infos[0]}
    if "action_mask" in columns:
        heads = columns["action_mask"]
        columns["action_mask"] = [np.concatenate(m) if isinstance(m, tuple) else m for m in heads]
    dtype = env.action_space.dtype
    return {
        "observations": np.stack(observations),
        "actions": np.stack([np.asarray(action, dtype=dtype) for action in actions[1:]]),
        "rewards": np.array(rewards[1:], dtype=np.float64),
        "terminations": np.zeros(len(rewards) - 1, dtype=np.bool_),
        "truncations": np.array(truncations[1:], dtype=np.bool_),
        "infos": {name: np.stack(column) for name, column in columns.items()},
    }
