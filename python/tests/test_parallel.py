"""The environment for PettingZoo."""

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from wayside.env import OffloadingEnv
from wayside.parallel import OffloadingParallelEnv

SMALL = {"fleet.size": 6}


def make(**options):
    return OffloadingParallelEnv("wang2025", overrides=SMALL, **options)


def test_property_pettingzoo_finds_nothing_wrong():
    parallel_api_test(make(slots=30), num_cycles=200)
    parallel_seed_test(make, num_cycles=100)


def test_oracle_the_same_as_the_shared_form():
    many, one = make(slots=5), OffloadingEnv("wang2025", "shared", overrides=SMALL, slots=5)
    observations, infos = many.reset(seed=2)
    whole, info = one.reset(seed=2)
    rng = np.random.default_rng(0)
    for t in range(5):
        for v, agent in enumerate(many.agents):
            np.testing.assert_array_equal(observations[agent], whole[v])
            assert observations[agent] in many.observation_space(agent)
        masks = np.concatenate([m for agent in many.agents for m in infos[agent]["action_mask"]])
        np.testing.assert_array_equal(masks, one.action_masks())
        actions = {a: rng.integers(many.action_space(a).nvec) for a in many.agents}
        whole, reward, _, over, info = one.step(np.concatenate(list(actions.values())))
        observations, rewards, _, truncations, infos = many.step(actions)
        assert set(rewards.values()) == {reward}
        assert set(truncations.values()) == {over} == {t == 4}
    assert many.agents == []
    with pytest.raises(RuntimeError, match="reset first"):
        many.step({})


def test_property_wrong_use_raises():
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="got none of vehicle_0"):
        env.step({})
    actions = {agent: np.zeros(2, dtype=int) for agent in env.agents}
    with pytest.raises(ValueError, match=r"vehicle_3: must be of shape \(2,\), got \(3,\)"):
        env.step(actions | {"vehicle_3": np.zeros(3, dtype=int)})
    with pytest.raises(TypeError, match="must be integers, got float64"):
        env.step(actions | {"vehicle_3": np.zeros(2)})
