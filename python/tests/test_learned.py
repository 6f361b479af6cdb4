"""Trained policies as objects; policies that act as in an environment; slots of environments."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest

import wayside
from wayside import GymPolicy, load_policy

SMALL = {"fleet.size": 12, "time.slots": 4}
EMPTY = {
    "slot_s": 1.0,
    "objective": {"omega": 0.65},
    "channel": {
        "noise_dbm": -104,
        "pathloss_db_at_1km": 128.1,
        "pathloss_db_per_decade": 37.6,
        "antenna_height_m": 10,
    },
    "rsus": [
        {
            "id": "r0",
            "x_m": 0,
            "y_m": 0,
            "range_m": 500,
            "bandwidth_hz": 2e7,
            "cpu_hz": 2e10,
            "energy_coeff": 1e-28,
        }
    ],
    "links": [],
    "migration_power_w": 0.5,
    "vehicles": [],
    "tasks": [],
}


def make(form, scenario="wang2025", **options):
    options = {"overrides": SMALL, **options}
    return gymnasium.make("wayside/Offloading-v0", scenario=scenario, form=form, **options).unwrapped


def run(policies, scenario="wang2025", overrides=SMALL, **options):
    return wayside.run(scenario, policies, seeds=[0, 1], overrides=overrides, timing=False, **options)


def mean(results, name):
    return results.metric(name, "objective")["mean"]


def test_property_a_loaded_policy_is_the_policy(tmp_path):
    policy = load_policy("ppo")
    assert (policy.name, policy.form, policy.card["algorithm"]) == ("ppo", "sequential", "ppo")
    assert mean(run(policy), "ppo") == mean(run("ppo"), "ppo")
    path = tmp_path / "p.safetensors"
    policy.save(path)
    again = load_policy(path)
    assert mean(run(again), str(path)) == mean(run("ppo"), "ppo")
    assert again.card == policy.card
    for other in (pickle.loads(pickle.dumps(policy)), copy.deepcopy(policy)):
        assert other.card == policy.card
    assert load_policy("ppo", "coupled").card["scenario"] == "coupled"
    with pytest.raises(OSError):
        load_policy(tmp_path / "none.safetensors")


def test_oracle_the_tensors_compute_what_the_policy_computes():
    policy = load_policy("ppo")
    tensors, network = policy.state_dict(), policy.network
    rows = np.random.default_rng(0).uniform(-1, 1, (50, network["row_width"])).astype(np.float32)
    x = rows.astype(np.float64)
    if "normaliser.rows.mean" in tensors:
        scale = np.sqrt(tensors["normaliser.rows.variance"] + 1e-8)
        x = np.clip((x - tensors["normaliser.rows.mean"]) / scale, -10, 10)
    activate = {"tanh": np.tanh, "relu": lambda v: np.maximum(v, 0)}[network["activation"]]
    for layer in range(len(network["hidden"])):
        x = activate(x @ tensors[f"trunk.{layer}.weight"].T + tensors[f"trunk.{layer}.bias"])
    x = x @ tensors["head.0.weight"].T + tensors["head.0.bias"]
    np.testing.assert_allclose(policy._native.logits(rows), x, atol=1e-4)


@pytest.mark.parametrize(("name", "scenario"), [("ppo", "wang2025"), ("ppo", "coupled")])
def test_oracle_act_in_the_environment_is_decide_in_a_run(name, scenario):
    """Action by action in the environment, and as a GymPolicy in a run: the objective of the run by name."""
    policy = load_policy(name, scenario)
    options = {"policy.learned.or_local": False, "policy.learned.repair": False}
    overrides = {**SMALL, **options}
    env = make("sequential", scenario, overrides=overrides)
    observation, _ = env.reset(seed=0)
    costs, truncated = [], False
    while not truncated:
        action = policy.act(observation, env.action_masks())
        observation, _, _, truncated, info = env.step(action)
        if info["slot_ended"]:
            costs.append(info["objective"] * info["tasks"])
    results = wayside.run(
        scenario, [policy, GymPolicy(policy.act, "sequential")], seeds=[0], overrides=overrides, timing=False
    )
    tasks = results.metric("ppo", "objective")
    assert mean(results, "gym") == tasks["mean"]
    assert sum(costs) / (12 * 4) == pytest.approx(tasks["mean"], rel=1e-12)


class Drawn:
    """In place of a native policy: random logits."""

    def __init__(self, form, heads, outputs):
        self.form, self.heads, self.rng = form, heads, np.random.default_rng(0)
        self.outputs = {"flat": outputs, "shared": sum(heads), "sequential": 1}[form]

    def logits(self, rows):
        return self.rng.random((len(rows), self.outputs), dtype=np.float32)


@pytest.mark.parametrize("form", ["flat", "shared", "sequential"])
def test_property_act_takes_masks_of_either_kind_and_batches(form):
    env = make(form)
    observation, info = env.reset(seed=3)
    nvec = env._env.nvec
    heads = nvec[:1] if form == "sequential" else nvec[:2]
    policy = wayside.TrainedPolicy(Drawn(form, heads, len(env.action_masks())))
    for mask in (env.action_masks(), info["action_mask"]):
        action = policy.act(observation, mask)
        assert env.action_space.contains(action)
        env.step(action)
        observation, info = env.reset(seed=3)
        assert env.step(action)[4]["masked"] == 0
        observation, info = env.reset(seed=3)
    batch = policy.act(np.stack([observation] * 4), np.stack([env.action_masks()] * 4))
    assert batch.shape == (4, *np.shape(action))


@pytest.mark.parametrize("form", ["flat", "shared", "sequential"])
def test_property_a_function_of_observation_and_mask_runs(form):
    seen = []

    def first(observation, mask):
        env = make(form)
        if not seen:
            assert env.observation_space.contains(observation)
            assert mask.shape == (sum(env._env.nvec),) and mask.dtype == np.bool_
            seen.append(1)
        return np.zeros(len(env._env.nvec), dtype=int)

    results = run(GymPolicy(first, form, name="mine"))
    assert seen and mean(results, "mine") > 0
    with pytest.raises(TypeError, match="act: must return integers"):
        run(GymPolicy(lambda o, m: 0.5, form))
    with pytest.raises(ValueError, match="action"):
        run(GymPolicy(lambda o, m: [1, 2, 3], form))


@pytest.mark.parametrize("form", ["flat", "shared", "sequential"])
@pytest.mark.parametrize("policy", ["nearest", "price", "local"])
def test_oracle_an_expert_in_the_environment_scores_as_in_a_run(form, policy):
    """Where the form says all its placements: `flat` says every one."""
    env = make(form)
    env.reset(seed=0)
    cost, truncated = 0.0, False
    while not truncated:
        action = env.expert_action(policy)
        tasks, placements = env.placements_of(action)
        wanted = wayside._native.place(env.slot(), policy)["placements"]
        if form == "flat":
            assert (wanted[tasks] == placements).all()
        try:
            assert env.expert_action(policy, exact=True) == pytest.approx(action)
            # `sequential` chooses the entry itself
            assert (wanted[tasks, 1] == placements[:, 1]).all()
        except ValueError as error:
            assert form != "flat" and "cannot say" in str(error)
        _, _, _, truncated, info = env.step(action)
        cost += info["objective"] * info["tasks"] if info["slot_ended"] else 0.0
    results = wayside.run("wang2025", policy, seeds=[0], overrides=SMALL, timing=False)
    expected = mean(results, policy)
    if form == "flat" or policy == "local":
        assert cost / (12 * 4) == pytest.approx(expected, rel=1e-9)
    else:
        assert cost / (12 * 4) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("form", ["flat", "shared", "sequential"])
def test_property_actions_and_placements_are_inverse(form):
    env = make(form)
    env.reset(seed=5)
    sampler = np.random.default_rng(1)
    for _ in range(30):
        mask, starts = env.action_masks(), np.concatenate([[0], np.cumsum(env._env.nvec)])
        heads = [np.flatnonzero(mask[a:b]) for a, b in zip(starts[:-1], starts[1:])]
        action = np.array([sampler.choice(legal) for legal in heads])
        action = action[0] if form == "sequential" else action
        tasks, placements = env.placements_of(action)
        rows = np.full((12, 2), -1)
        rows[tasks] = placements
        again, same = env.placements_of(env.action_of(rows))
        assert (again == tasks).all() and (same == placements).all()
        if env.step(action)[3]:
            env.reset()


def test_property_decide_and_bound_take_slots_of_environments():
    env = make("flat")
    env.reset(seed=0)
    slot = env.slot()
    assert slot.seed == 0
    decision = wayside.decide(slot, "price", bound="split")
    assert decision["lower_bound"] == wayside.bound(slot) <= decision["objective"]
    assert len(decision["placements"]) == 12
    first = wayside.run("wang2025", "price", seeds=[0], slots=1, overrides=SMALL, timing=False)
    assert decision["objective"] == mean(first, "price")
    assert wayside.decide(slot, load_policy("ppo"))["policy"] == "ppo"
    gym = GymPolicy(load_policy("ppo").act)
    assert wayside.decide(slot, gym)["objective"] is not None
    with pytest.raises(ValueError, match="a GymPolicy needs a scenario"):
        wayside.decide(EMPTY, gym)
