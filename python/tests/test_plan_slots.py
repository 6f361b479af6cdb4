"""Agents that say for how many slots a task may hold its CPU."""

import copy

import gymnasium
import numpy as np
import pytest

import wayside
from wayside.env import OffloadingEnv
from wayside.masks import MaskedSampler
from wayside.vector import OffloadingVectorEnv

SHORT = {"time.slot_s": 0.2, "fleet.size": 40}
# so that everything that plan-ahead may choose has a name
WIDE = {**SHORT, "policy.random.candidates": 12}


def test_oracle_plan_ahead_played_back_is_plan_ahead():
    env = OffloadingEnv("coupled", "flat", overrides=WIDE, slots=8, plan_slots=16)
    env.reset(seed=3)
    own, over = [], False
    while not over:
        _, _, _, over, info = env.step(env.expert_action("plan-ahead", exact=True))
        own.append(info["objective"])
    run = wayside.run("coupled", ["plan-ahead"], seeds=[3], slots=8, overrides=WIDE)
    np.testing.assert_array_equal(own, run.slots.columns()["objective"])


def test_regress_the_expert_is_near_plan_ahead_where_tasks_are_decided_one_by_one():
    """Rows name twelve RSUs and the entry of plan-ahead, so nearly all that it chooses."""
    env = gymnasium.make("wayside/Coupled-v0", overrides=SHORT, slots=6, plan_slots=4).unwrapped
    env.reset(seed=3)
    own, over = [], False
    while not over:
        _, _, _, over, info = env.step(env.expert_action("plan-ahead"))
        if info["slot_ended"]:
            own.append(info["objective"])
    run = wayside.run("coupled", ["plan-ahead", "local"], seeds=[3], slots=6, overrides=SHORT)
    ahead = run.metric("plan-ahead", "objective")["mean"]
    local = run.metric("local", "objective")["mean"]
    assert np.mean(own) < ahead + 0.2 * (local - ahead)


@pytest.mark.parametrize("form", ["flat", "shared", "sequential"])
def test_property_any_legal_choice_is_taken(form):
    env = OffloadingEnv("coupled", form, overrides=SHORT, slots=5, masked="error", plan_slots=4)
    heads = env._env.nvec
    if form == "sequential":
        # every RSU of the scenario: there are fewer than the twelve that are offered at most
        assert env.action_space.n == 1 + 4 * len(env.slot().rsu_ids)
        assert env.feature_names[2:4] == ["slots", "later_slots_cost"]
    else:
        assert heads[2] == 4 and heads[2::3] == [4] * (len(heads) // 3)
    sampler, rng = MaskedSampler(heads), np.random.default_rng(1)
    env.reset(seed=1)
    over, later = False, set()
    while not over:
        action = sampler.sample(env.action_masks(), rng)
        action = int(action[0]) if form == "sequential" else action
        observation, reward, _, over, info = env.step(action)
        assert env.observation_space.contains(observation)
        assert np.isfinite(reward)
        later.add(info["objective"])
    assert len(later) > 4


def test_property_copies_and_states_keep_the_prices():
    env = OffloadingEnv("coupled", "sequential", overrides=SHORT, slots=6, plan_slots=3)
    env.reset(seed=5)
    for _ in range(100):
        env.step(env.expert_action("slot-fit"))
    twin, state = copy.deepcopy(env), env.get_state()
    go = lambda e: [e.step(int(np.flatnonzero(e.action_masks())[-1]))[1] for _ in range(90)]
    first = go(env)
    assert go(twin) == first
    env.set_state(state)
    assert go(env) == first


def test_property_vector_environments_and_gym_policies_do_the_same():
    several = OffloadingVectorEnv(2, "coupled", "sequential", overrides=SHORT, slots=4, plan_slots=3)
    env = OffloadingEnv("coupled", "sequential", overrides=SHORT, slots=4, plan_slots=3)
    assert several.single_action_space == env.action_space
    rows, _ = several.reset(seed=7)
    first, _ = env.reset(seed=7)
    np.testing.assert_array_equal(rows[0], first)

    def last(observation, mask):
        return int(np.flatnonzero(mask)[-1])

    agent = wayside.GymPolicy(last, "sequential", plan_slots=3)
    run = wayside.run("coupled", [agent], seeds=[7], slots=4, overrides=SHORT)
    own, over = [], False
    while not over:
        _, _, _, over, info = env.step(last(None, env.action_masks()))
        if info["slot_ended"]:
            own.append(info["objective"])
    np.testing.assert_array_equal(own, run.slots.columns()["objective"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "wang2025", "plan_slots": 3}, "plan_slots"),
        ({"scenario": "highway", "form": "sequential", "plan_slots": 3}, "plan_slots"),
        ({"scenario": "coupled", "plan_slots": 1}, "plan_slots: must be within"),
        ({"scenario": "coupled", "plan_slots": 33}, "plan_slots: must be within"),
        ({"scenario": "coupled", "plan_slots": 3, "shares": "agent"}, "shares"),
    ],
)
def test_property_what_has_no_such_slots_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        OffloadingEnv(**options)


@pytest.mark.parametrize("scenario", ["coupled", "highway", "lin2025"])
def test_property_a_state_that_has_drawn_too_many_seeds_is_refused(scenario):
    import json

    env = OffloadingEnv(scenario, "sequential", slots=3)
    env.reset(seed=1)
    state = json.loads(env.get_state())
    state["seeds"][1] = 2**63
    with pytest.raises(ValueError, match="drawn"):
        env.set_state(json.dumps(state).encode())
