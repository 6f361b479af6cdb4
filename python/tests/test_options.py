"""Options of environments: dictionaries, weighted rewards, shares of the agent's own."""

import copy
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import wayside
from wayside.env import OffloadingEnv

QUEUES = {"time.slot_s": 0.1, "time.slots": 4, "fleet.size": 10}
SMALL = {"fleet.size": 8, "time.slots": 4}
CASES = [
    ("wang2025", "flat", SMALL),
    ("wang2025", "shared", SMALL),
    ("wang2025", "sequential", SMALL),
    ("coupled", "sequential", SMALL),
    ("lin2025", "sequential", QUEUES),
    ("lin2025", "plan", QUEUES),
    ("highway", "sequential", {"fleet.size": 8, "time.slots": 12}),
]


def sampled(env, info):
    mask = info.get("action_mask")
    return env.action_space.sample(mask=mask)


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize(("scenario", "form", "overrides"), CASES)
@pytest.mark.parametrize("mask", ["info", "observation"])
def test_property_dictionaries_are_what_gymnasium_expects(scenario, form, overrides, mask):
    env = OffloadingEnv(scenario, form, overrides=overrides, observation="dictionary", mask=mask)
    env.spec = gymnasium.spec("wayside/Offloading-v0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize(("scenario", "form", "overrides"), CASES)
def test_oracle_a_dictionary_is_the_slot(scenario, form, overrides):
    rows = OffloadingEnv(scenario, form, overrides=overrides)
    env = OffloadingEnv(scenario, form, overrides=overrides, observation="dictionary")
    env.action_space.seed(0)
    plain, info = rows.reset(seed=1)
    named, _ = env.reset(seed=1)
    over, ways = False, 0
    while not over:
        slot = env.slot()
        assert same(named["observation"], plain) and named in env.observation_space
        vehicles, tasks = len(slot.vehicles["x_m"]), len(slot.tasks["vehicle"])
        np.testing.assert_allclose(named["vehicles"][:vehicles, 0], slot.vehicles["x_m"], rtol=1e-6)
        np.testing.assert_allclose(named["rsus"][:, 3], slot.rsus["cpu_hz"], rtol=1e-6)
        assert np.count_nonzero(named["tasks"][:, 0]) == tasks
        np.testing.assert_allclose(np.sort(named["tasks"][:, 0])[-tasks:] if tasks else [], np.sort(slot.tasks["cycles"]), rtol=1e-6)
        start, rsu = slot.coverage["start"], slot.coverage["rsu"]
        for v in range(vehicles):
            assert set(np.flatnonzero(named["uplink_s_per_bit"][v])) == set(rsu[start[v] : start[v + 1]])
        ways += int((named["hops"] > 0).sum())
        if form == "sequential" and tasks:
            legal = np.array([int(env.action_masks().argmax())])
            decided, _ = env.placements_of(legal[0])
            if len(decided):
                cycles = slot.tasks["cycles"][decided[0]]
                assert named["tasks"][named["place"], 0] == np.float32(cycles)
        action = sampled(rows, info)
        plain, _, _, over, info = rows.step(action)
        named, _, _, same_over, _ = env.step(action)
        assert over == same_over
    assert ways > 0
    assert ("servers" in named) == (scenario == "lin2025")
    assert ("sessions" in named) == (scenario == "highway")


@pytest.mark.parametrize("options", [{"observation": "dictionary"}, {"shares": "agent"}, {"reward": {"delay": 1.0}}])
@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"]
)
def test_property_copies_go_on_alike(options, clone):
    env = OffloadingEnv("coupled", "flat", overrides=SMALL, **options)
    env.action_space.seed(3)
    _, info = env.reset(seed=2)
    for _ in range(9):
        other, action = clone(env), sampled(env, info)
        ours, theirs = env.step(action), other.step(action)
        assert same(ours, theirs)
        info = env.reset()[1] if ours[3] else ours[4]


def test_property_a_dictionary_needs_places_for_vehicles():
    traced = {"observation": "dictionary", "slots": 2}
    with pytest.raises(ValueError, match="vehicles: must be given"):
        OffloadingEnv("city-grid", "sequential", **traced)
    env = OffloadingEnv("city-grid", "sequential", vehicles=5, **traced)
    with pytest.raises(ValueError, match="vehicles: must be at least"):
        env.reset(seed=0)
    env = OffloadingEnv("city-grid", "sequential", vehicles=400, **traced)
    assert env.reset(seed=0)[0] in env.observation_space


def test_oracle_weighted_rewards_are_sums_of_their_parts():
    weights = {"delay": 0.5, "on-time": 2.0, "objective": 0.25, "energy": 0.0}
    env = OffloadingEnv("wang2025", "sequential", overrides=SMALL, reward=weights)
    env.action_space.seed(0)
    _, info = env.reset(seed=0)
    over, ended = False, 0
    while not over:
        _, reward, _, over, info = env.step(sampled(env, info))
        expected = 0.0
        if info["slot_ended"]:
            ended += 1
            expected = -0.5 * info["delay_s"] + 2.0 * info["deadline_met"] / info["tasks"] - 0.25 * info["objective"]
        assert reward == pytest.approx(expected, rel=1e-12)
    assert ended == 4
    for wrong, text in [
        ({}, "reward: must have at least one part"),
        ({"late": 1.0}, "reward: must be objective, slot"),
        ({"lyapunov": 1.0}, "must not be lyapunov where tasks do not queue"),
    ]:
        with pytest.raises(ValueError, match=text):
            OffloadingEnv("wang2025", reward=wrong)
    vector = gymnasium.make_vec(
        "wayside/Offloading-v0", num_envs=2, vectorization_mode="vector_entry_point", reward=weights, overrides=SMALL
    )
    vector.reset(seed=0)
    _, rewards, _, _, infos = vector.step(vector.action_space.sample())
    expected = -0.5 * infos["delay_s"] + 2.0 * infos["deadline_met"] / infos["tasks"] - 0.25 * infos["objective"]
    np.testing.assert_allclose(rewards, expected)


@pytest.mark.parametrize("form", ["flat", "shared"])
@pytest.mark.parametrize("scenario", ["wang2025", "coupled"])
def test_property_shares_are_what_gymnasium_expects(scenario, form):
    env = OffloadingEnv(scenario, form, overrides=SMALL, shares="agent")
    env.spec = gymnasium.spec("wayside/Offloading-v0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize("form", ["flat", "shared"])
def test_oracle_shares_of_the_agent_are_the_shares_of_a_policy(form):
    """A policy with ``cpu_hz`` of its own in a run is the oracle; and no shares beat the exact solution."""
    rng = np.random.default_rng(0)
    env = OffloadingEnv("wang2025", form, overrides={**SMALL, "load_balance.enforce": False}, shares="agent")
    exact = OffloadingEnv("wang2025", form, overrides={**SMALL, "load_balance.enforce": False})
    env.reset(seed=4)
    exact.reset(seed=4)
    over = False
    while not over:
        slot, action = env.slot(), exact.expert_action("nearest")
        share = rng.uniform(0.0, 1.0, env._env.places).astype(np.float32)
        _, placements = exact.placements_of(action)
        hz = np.zeros(len(placements))
        for m in range(len(slot.rsu_ids)):
            there = placements[:, 1] == m
            weights = 0.01 + share[: len(hz)][there].astype(float)
            hz[there] = slot.rsus["available_cpu_hz"][m] * weights / weights.sum() if there.any() else 0.0

        class Divided:
            def decide(self, slot, placements=placements, hz=hz):
                return {"placements": placements, "cpu_hz": hz}

        expected = wayside.decide(slot, Divided())["objective"]
        _, reward, _, over, info = env.step({"placement": action, "share": share})
        _, best, _, _, _ = exact.step(action)
        assert -reward == pytest.approx(expected, rel=1e-9)
        assert -reward >= -best - 1e-12


def test_property_wrong_shares_raise():
    env = OffloadingEnv("wang2025", "flat", overrides=SMALL, shares="agent")
    env.reset(seed=0)
    action = env.action_space.sample()
    for wrong, text in [
        (action["placement"], "action: must have placement and share"),
        ({"placement": action["placement"]}, "action: must have placement and share"),
        (action | {"share": np.ones(3)}, r"share: must be of shape \(8,\), got \(3,\)"),
        (action | {"share": np.full(8, -0.1)}, "share: must be within"),
        (action | {"share": np.full(8, np.nan)}, "share: must be within"),
    ]:
        with pytest.raises(ValueError, match=text):
            env.step(wrong)
    for scenario, form in [("wang2025", "sequential"), ("lin2025", "sequential"), ("lin2025", "plan")]:
        with pytest.raises(ValueError, match="shares: must be exact, but for flat and shared"):
            OffloadingEnv(scenario, form, shares="agent")
    with pytest.raises(ValueError, match="observation: must be rows or dictionary, got rows "):
        OffloadingEnv("wang2025", observation="rows ")
