"""The environment for PettingZoo."""

import copy
import pickle

import numpy as np
import pytest
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.utils import parallel_to_aec

from wayside.env import OffloadingEnv
from wayside.parallel import OffloadingAECEnv, OffloadingParallelEnv

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


QUEUES = {"time.slot_s": 0.1, "time.slots": 4, "fleet.size": 6}


@pytest.mark.parametrize(
    ("scenario", "overrides"),
    [("wang2025", SMALL), ("coupled", SMALL), ("lin2025", QUEUES), ("highway", {"fleet.size": 6})],
)
def test_oracle_one_after_the_other_is_the_sequential_form(scenario, overrides):
    many = OffloadingAECEnv(scenario, overrides=overrides, slots=3)
    one = OffloadingEnv(scenario, "sequential", overrides=overrides, slots=3)
    many.reset(seed=2)
    rows, _ = one.reset(seed=2)
    rng, over, total, told = np.random.default_rng(0), False, 0.0, dict.fromkeys(many.agents, 0.0)
    for agent in many.agent_iter():
        observation, reward, terminated, truncated, info = many.last()
        told[agent] += reward
        if truncated:
            assert over and not terminated
            many.step(None)
            continue
        np.testing.assert_array_equal(observation, rows.ravel())
        np.testing.assert_array_equal(info["action_mask"], one.action_masks())
        legal = np.flatnonzero(info["action_mask"])
        action = int(rng.choice(legal))
        tasks, _ = one.placements_of(action)
        if len(tasks):
            assert agent == f"vehicle_{one.slot().tasks['vehicle'][tasks[0]]}"
        others = [a for a in many.agents if a != agent]
        assert not any(many.observe(a).any() for a in others)
        many.step(action)
        rows, reward, _, over, _ = one.step(action)
        total += reward
    assert over and many.agents == []
    for value in told.values():
        assert value == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize(("scenario", "overrides"), [("wang2025", SMALL), ("lin2025", QUEUES)])
def test_property_pettingzoo_finds_nothing_wrong_one_after_the_other(scenario, overrides):
    def made():
        return OffloadingAECEnv(scenario, overrides=overrides, slots=4)

    api_test(made(), num_cycles=100)
    seed_test(made, num_cycles=50)


def test_property_conversions_of_pettingzoo_work():
    converted = parallel_to_aec(make(slots=3))
    converted.reset(seed=0)
    for agent in converted.agent_iter():
        _, _, _, truncated, info = converted.last()
        action = None if truncated else converted.action_space(agent).sample(info["action_mask"])
        converted.step(action)
    assert converted.agents == []


@pytest.mark.parametrize("kind", [OffloadingParallelEnv, OffloadingAECEnv])
def test_property_agents_of_traces_need_places(kind):
    with pytest.raises(ValueError, match="vehicles: must be given"):
        kind("city-grid")
    with pytest.raises(ValueError, match="vehicles: must be (at least|above)"):
        kind("city-grid", vehicles=5, slots=1).reset(seed=0)
    env = kind("city-grid", vehicles=400, slots=1)
    env.reset(seed=0)
    assert len(env.agents) == 400
    if kind is OffloadingAECEnv:
        env.step(int(np.flatnonzero(env.infos[env.agent_selection]["action_mask"])[0]))
    else:
        parallel_api_test(kind("city-grid", vehicles=400, slots=2), num_cycles=3)


CLONES = [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))]


@pytest.mark.parametrize("clone", CLONES, ids=["deepcopy", "pickle"])
def test_property_a_copy_goes_on_where_the_environment_stood(clone):
    env = OffloadingParallelEnv("coupled", overrides=SMALL, slots=4)
    env.reset(seed=1)
    rng = np.random.default_rng(0)

    def act(*envs):
        actions = {a: rng.integers(envs[0].action_space(a).nvec) for a in envs[0].agents}
        return [e.step(actions) for e in envs]

    act(env)
    other, state = clone(env), env.get_state()
    later = []
    while env.agents:
        (seen, rewards, *_), (same, equal, *_) = act(env, other)
        later.append(rewards)
        assert rewards == equal
        for agent in seen:
            np.testing.assert_array_equal(seen[agent], same[agent])
    assert other.agents == [] and clone(env).agents == []
    assert len(later) == 3
    observations, infos = env.set_state(state)
    again, _ = other.set_state(state)
    assert list(observations) == env.agents == list(infos)
    for agent in observations:
        np.testing.assert_array_equal(observations[agent], again[agent])


@pytest.mark.parametrize("clone", CLONES, ids=["deepcopy", "pickle"])
@pytest.mark.parametrize(("scenario", "overrides"), [("coupled", SMALL), ("lin2025", QUEUES)])
def test_property_a_copy_goes_on_with_the_same_turn(clone, scenario, overrides):
    env = OffloadingAECEnv(scenario, overrides=overrides, slots=3)
    env.reset(seed=1)
    first = clone(env)
    assert first.agent_selection == env.agent_selection

    def go(envs, steps):
        told = []
        for _ in range(steps):
            one = envs[0]
            if not one.agents:
                break
            over = one.truncations[one.agent_selection]
            legal = np.flatnonzero(one.infos[one.agent_selection]["action_mask"])
            for e in envs:
                e.step(None if over else int(legal[-1]))
            told.append((one.agent_selection, dict(one.rewards)) if one.agents else None)
            for e in envs[1:]:
                assert e.agents == one.agents and e.rewards == one.rewards
                if one.agents:
                    assert e.agent_selection == one.agent_selection
                    np.testing.assert_array_equal(e.last()[0], one.last()[0])
                    assert e.last()[1:4] == one.last()[1:4]
        return told

    go([env, first], 8)
    state, other = env.get_state(), clone(env)
    whole = go([env, other], 60)
    env.set_state(state)
    assert go([env], 60) == whole
