"""Environments in every kind of scenario: what they show, cost, copy and refuse."""

import copy
import pickle
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import wayside
from wayside import GymPolicy, load_policy

SCENARIOS = Path(__file__).parents[2] / "scenarios"
QUEUES = {"time.slot_s": 0.1, "time.slots": 4, "fleet.size": 10}
CASES = {
    "wayside/Offloading-v0": {"overrides": {"fleet.size": 8, "time.slots": 4}},
    "wayside/Coupled-v0": {"overrides": {"fleet.size": 8, "time.slots": 4}},
    "wayside/Migration-v0": {"overrides": QUEUES},
    "wayside/Sessions-v0": {"overrides": {"fleet.size": 8, "time.slots": 12}},
}
PLAN = ("wayside/Migration-v0", {"overrides": QUEUES, "form": "plan", "reward": "lyapunov"})
ALL = [*CASES.items(), PLAN]


def make(name, **options):
    return gymnasium.make(name, **{**CASES[name], **options}).unwrapped


def random_action(env, rng):
    if env.form == "plan":
        return rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
    ends = np.cumsum(env._env.nvec)
    heads = np.split(env.action_masks(), ends[:-1])
    action = np.array([rng.choice(np.flatnonzero(head)) for head in heads])
    return action[0] if env.form == "sequential" else action


def same(one, other):
    """Whether two results of a step are equal, to the bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.parametrize(("name", "options"), ALL)
@pytest.mark.parametrize("mask", ["info", "observation"])
def test_property_gymnasium_finds_nothing_wrong(name, options, mask):
    env = gymnasium.make(name, mask=mask, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize(("name", "options"), ALL)
def test_property_keys_of_info_are_the_same_in_every_step(name, options):
    bound = None if name == "wayside/Sessions-v0" else "split"
    env, rng = gymnasium.make(name, bound=bound, **options).unwrapped, np.random.default_rng(0)
    _, first = env.reset(seed=0)
    over, ended = False, 0
    while not over:
        observation, _, _, over, info = env.step(random_action(env, rng))
        assert info.keys() == first.keys()
        assert (info["objective"] > 0.0) == info["slot_ended"]
        assert ("lyapunov" in info) == (name == "wayside/Migration-v0")
        assert observation in env.observation_space
        if info["slot_ended"]:
            ended += 1
            if bound is not None:
                assert 0.0 < info["lower_bound"] <= info["objective"] * (1 + 1e-9)
    assert ended == env.scenario.time.slots


@pytest.mark.parametrize(("name", "options"), CASES.items())
def test_property_rewards_add_up_to_the_slot(name, options):
    env, rng = gymnasium.make(name, **options).unwrapped, np.random.default_rng(1)
    env.reset(seed=4)
    over, total = False, 0.0
    while not over:
        _, reward, _, over, info = env.step(random_action(env, rng))
        total += reward
        if info["slot_ended"]:
            assert total == pytest.approx(-info["objective"], abs=1e-9)
            total = 0.0


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize(("name", "options"), ALL)
def test_property_copies_go_on_alike(name, options, clone):
    bound = None if name == "wayside/Sessions-v0" else "simple"
    env, rng = gymnasium.make(name, bound=bound, **options).unwrapped, np.random.default_rng(2)
    env.reset(seed=7)
    for steps in (3, 20, 1):
        for _ in range(steps):
            if env.step(random_action(env, rng))[3]:
                env.reset()
        other = clone(env)
        for _ in range(30):
            action = random_action(env, rng)
            ours, theirs = env.step(action), other.step(action)
            assert same(ours, theirs)
            if ours[3]:
                assert same(env.reset(), other.reset())


@pytest.mark.parametrize(("name", "options"), ALL)
def test_property_a_state_is_gone_back_to(name, options):
    env, rng = gymnasium.make(name, **options).unwrapped, np.random.default_rng(3)
    with pytest.raises(RuntimeError, match="reset it"):
        env.get_state()
    env.reset(seed=1)
    for _ in range(5):
        if env.step(random_action(env, rng))[3]:
            env.reset()
    state, observation = env.get_state(), env._observation()
    actions, first = [], []
    for _ in range(3):
        actions.append(random_action(env, rng))
        first.append(env.step(actions[-1]))
        if first[-1][3]:
            break
    back, _ = env.set_state(state)
    assert same(back, observation)
    for action, result in zip(actions, first):
        assert same(env.step(action), result)
    with pytest.raises(ValueError, match="state"):
        env.set_state(b"{}")


def test_property_an_environment_that_is_over_is_copied_as_it_is():
    for name in CASES:
        env, rng = make(name), np.random.default_rng(3)
        env.reset(seed=1)
        while not env.step(random_action(env, rng))[3]:
            pass
        other = copy.deepcopy(env)
        for one in (env, other):
            with pytest.raises(ValueError, match="the episode is over: reset first"):
                one.step(random_action(one, rng) if one is env else action)
            action = np.zeros_like(random_action(env, rng))
        assert same(env.reset(), other.reset())


@pytest.mark.parametrize("scenario", ["lin2025", "germany50", "lin2025-connected"])
def test_oracle_a_batch_costs_in_the_environment_what_it_costs_in_a_run(scenario):
    """Every task by the least predicted delay: in an environment of one batch, and as a policy in a run."""

    def quickest(observation, mask):
        delay = np.where(mask, observation[:, 10], np.inf)
        return int(delay.argmin())

    if scenario == "germany50":
        scenario = str(SCENARIOS / "germany50.toml")
    env = wayside.env.OffloadingEnv(scenario, "sequential")
    observation, _ = env.reset(seed=3)
    over, total = False, 0.0
    while not over:
        action = quickest(observation, env.action_masks())
        observation, reward, _, over, info = env.step(action)
        total += reward
    gym = GymPolicy(quickest, "sequential", name="quickest")
    results = wayside.run(scenario, [gym, "ect-cloud", "local"], seeds=[3], slots=1, timing=False)
    objective = results.metric("quickest", "objective")["mean"]
    if env.scenario.time.slots == 1:
        assert -total == pytest.approx(objective, rel=1e-12)
        assert info["delay_s"] == pytest.approx(results.metric("quickest", "delay_s")["mean"], rel=1e-12)
    assert objective < results.metric("local", "objective")["mean"]
    # it plans as ECT does, task by task
    assert objective < 1.1 * results.metric("ect-cloud", "objective")["mean"]


@pytest.mark.parametrize("cloud", [True, False])
@pytest.mark.parametrize("overrides", [{}, {"execution.busy_s": 0.0}])
def test_oracle_predicted_delays_come_true(overrides, cloud):
    """The simulator is the oracle: feature 10 is sq(delay / D), with D = 0.27 s."""
    env = wayside.env.OffloadingEnv("lin2025", "sequential", overrides=overrides)
    observation, _ = env.reset(seed=1)
    over, predicted = False, []
    while not over:
        delay = np.where(env.action_masks(), observation[:, 10].astype(float), np.inf)
        if not cloud:
            delay[observation[:, 3] > 0] = np.inf
        action = int(delay.argmin())
        predicted.append(0.27 * delay[action] / (1 - delay[action]))
        observation, _, _, over, info = env.step(action)
    assert np.mean(predicted) == pytest.approx(info["delay_s"], rel=1e-6)


@pytest.mark.parametrize("policy", ["ect-cloud", "ect", "all-cloud", "oesda"])
def test_oracle_an_expert_of_queues_scores_as_in_a_run(policy):
    env = wayside.env.OffloadingEnv("lin2025", "sequential")
    env.reset(seed=5)
    over, total, missed = False, 0.0, 0
    while not over:
        try:
            action = env.expert_action(policy, exact=True)
        except ValueError:
            missed += 1
            action = env.expert_action(policy)
        tasks, placements = env.placements_of(action)
        assert len(tasks) == len(placements) == 1
        _, reward, _, over, _ = env.step(action)
        total += reward
    objective = wayside.run("lin2025", policy, seeds=[5], timing=False).metric(policy, "objective")["mean"]
    if missed == 0:
        assert -total == pytest.approx(objective, rel=1e-9)
    else:
        # some by another path
        assert policy in ("ect", "ect-cloud", "oesda")
        if policy != "oesda":
            assert -total == pytest.approx(objective, rel=0.05)


def test_oracle_lysac_acts_in_the_environment_as_in_a_run():
    """With one proposal, which is its likeliest plan."""
    policy = load_policy("lysac", "lin2025")
    overrides = {"policy.lysac.episodes": 1}
    env = wayside.env.OffloadingEnv("lin2025", "plan", overrides=overrides)
    observation, _ = env.reset(seed=2)
    assert observation.shape == (len(env.feature_names),)
    action = policy.act(observation)
    assert action in env.action_space
    _, reward, _, over, info = env.step(action)
    assert over and reward == -info["objective"]
    gym = GymPolicy(policy.act, "plan", name="gym")
    results = wayside.run("lin2025", [policy, gym], seeds=[2], overrides=overrides, timing=False)
    for name in (policy.name, "gym"):
        assert results.metric(name, "objective")["mean"] == pytest.approx(-reward, rel=1e-12)


@pytest.mark.parametrize("policy", ["never-move", "always-follow", "lazy-follow"])
def test_oracle_an_expert_of_sessions_scores_as_in_a_run(policy):
    env = make("wayside/Sessions-v0")
    observation, _ = env.reset(seed=0)
    assert observation.shape[1] == len(env.feature_names)
    over, total, tasks = False, 0.0, 0.0
    while not over:
        _, _, _, over, info = env.step(env.expert_action(policy))
        if info["slot_ended"]:
            total += info["objective"] * info["tasks"]
            tasks += info["tasks"]
    results = wayside.run(env.scenario, policy, seeds=[0], timing=False)
    assert total / tasks == pytest.approx(results.metric(policy, "objective")["mean"], rel=1e-9)


def test_oracle_a_function_hosts_sessions_in_a_run_as_in_the_environment():
    def cheapest(observation, mask):
        return int(np.where(mask, observation[:, 12], np.inf).argmin())

    env = make("wayside/Sessions-v0")
    observation, _ = env.reset(seed=1)
    over, total, tasks = False, 0.0, 0.0
    while not over:
        observation, _, _, over, info = env.step(cheapest(observation, env.action_masks()))
        if info["slot_ended"]:
            total += info["objective"] * info["tasks"]
            tasks += info["tasks"]
    gym = GymPolicy(cheapest, name="cheapest")
    results = wayside.run(env.scenario, gym, seeds=[1], timing=False)
    assert total / tasks == pytest.approx(results.metric("cheapest", "objective")["mean"], rel=1e-12)


def test_property_rewards_are_the_figures():
    for reward, of in [
        ("slot", lambda info: -info["objective"]),
        ("delay", lambda info: -info["delay_s"]),
        ("energy", lambda info: -info["energy_j"]),
        ("on-time", lambda info: info["deadline_met"] / info["tasks"]),
        ("lyapunov", lambda info: info["lyapunov"]),
    ]:
        env, rng = make("wayside/Migration-v0", reward=reward), np.random.default_rng(0)
        env.reset(seed=0)
        over = False
        while not over:
            _, got, _, over, info = env.step(random_action(env, rng))
            assert got == (of(info) if info["slot_ended"] else 0.0)
    with pytest.raises(ValueError, match="reward: must not be lyapunov where tasks do not queue"):
        make("wayside/Coupled-v0", reward="lyapunov")
    with pytest.raises(ValueError, match="reward: must be objective, slot"):
        make("wayside/Coupled-v0", reward="late")
    with pytest.raises(ValueError, match="bound: must be None for sessions"):
        make("wayside/Sessions-v0", bound="split")


def test_property_an_episode_may_be_in_another_scenario():
    env = make("wayside/Coupled-v0")
    usual, _ = env.reset(seed=0)
    env.reset(seed=0, options={"overrides": {"fleet.size": 5}})
    assert len(env.slot().vehicles["x_m"]) == 5
    state = env.get_state()
    again, _ = env.reset(seed=0)
    assert same(again, usual) and len(env.slot().vehicles["x_m"]) == 8
    env.set_state(state)
    assert len(env.slot().vehicles["x_m"]) == 5
    env.reset(seed=0, options={"scenario": wayside.Scenario("coupled", {"fleet.size": 6})})
    assert len(env.slot().vehicles["x_m"]) == 6
    for options, text in [
        ({"size": 3}, "options: must be overrides or scenario, got size"),
        ({"scenario": "lin2025"}, "execution.kind: must be that of the environment"),
        ({"scenario": "wang2025"}, "time.carry_over: must be that of the environment"),
        ({"overrides": {"fleet.siez": 3}}, "fleet.siez"),
    ]:
        with pytest.raises(ValueError, match=text):
            env.reset(options=options)
    flat = make("wayside/Offloading-v0")
    flat.reset(seed=0, options={"overrides": {"fleet.size": 4}})
    with pytest.raises(ValueError, match="must be at most 8 vehicles"):
        flat.reset(seed=0, options={"overrides": {"fleet.size": 9}})


def test_property_masks_are_sampled_from_by_gymnasium():
    for name in CASES:
        for form in ("sequential", "shared") if name == "wayside/Offloading-v0" else ("sequential",):
            env = make(name, form=form)
            _, info = env.reset(seed=0)
            for _ in range(10):
                action = env.action_space.sample(mask=info["action_mask"])
                _, _, _, over, info = env.step(action)
                assert info["masked"] == 0
                if over:
                    _, info = env.reset()
            both = make(name, form=form, mask="observation")
            observation, info = both.reset(seed=0)
            assert "action_mask" not in info
            assert (observation["action_mask"] == both.action_masks()).all()


def test_property_vectors_are_several_environments():
    for name, options in CASES.items():
        env = gymnasium.make_vec(
            name, num_envs=2, vectorization_mode="vector_entry_point", reward="slot", **options
        )
        alone = [make(name, reward="slot") for _ in range(2)]
        observations, _ = env.reset(seed=[3, 4])
        for i in range(2):
            assert same(alone[i].reset(seed=3 + i)[0], observations[i])
        rng = np.random.default_rng(0)
        for _ in range(20):
            actions = [random_action(one, rng) for one in alone]
            observations, rewards, _, truncated, infos = env.step(np.array(actions))
            for i in range(2):
                observation, reward, _, over, info = alone[i].step(actions[i])
                assert same(observation, observations[i]) and rewards[i] == reward
                assert truncated[i] == over and infos["slot_ended"][i] == info["slot_ended"]
            if truncated.any():
                break
        env.close()
    with pytest.raises(ValueError, match="form: must not be plan in a vector environment"):
        wayside.vector.OffloadingVectorEnv(2, "lin2025", "plan")


def test_property_forms_that_a_scenario_does_not_have_raise():
    for scenario, form, text in [
        ("lin2025", "flat", "form: must be sequential or plan where tasks queue, got flat"),
        ("highway", "shared", "form: must be sequential for sessions, got shared"),
        ("wang2025", "plan", "form: must be flat, shared or sequential where CPU is shared, got plan"),
        ("wang2025", "flatt", "form: must be flat, shared, sequential or plan, got flatt"),
        ("ring-fifo", "sequential", "task.period_s: must be left out in an environment"),
    ]:
        with pytest.raises(ValueError, match=text):
            wayside.env.OffloadingEnv(scenario, form)


def test_property_features_have_names():
    for name in CASES:
        env = make(name)
        assert len(env.feature_names) == env._env.shape[1]
        assert len(set(env.feature_names)) == len(env.feature_names)
