"""The Gymnasium environment."""

import os
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import wayside
from wayside import render
from wayside.env import OffloadingEnv
from wayside.masks import MaskedSampler
from wayside.vector import OffloadingVectorEnv

FORMS = ["flat", "shared", "sequential"]
SMALL = {"fleet.size": 12}


def make(form="flat", **options):
    return OffloadingEnv(options.pop("scenario", "wang2025"), form, overrides=SMALL, **options)


def random_action(env, sampler, rng):
    action = sampler.sample(env.action_masks(), rng)
    return int(action[0]) if env.form == "sequential" else action


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scenario", ["wang2025", "coupled", "hotspot"])
def test_property_gymnasium_finds_nothing_wrong(scenario, form):
    env = gymnasium.make("wayside/Offloading-v0", scenario=scenario, form=form, overrides=SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("form", FORMS)
def test_property_one_seed_stays_equal_for_1000_steps(form):
    envs = [make(form, slots=30), make(form, slots=30)]
    samplers = [MaskedSampler(envs[0].unwrapped._env.nvec) for _ in envs]
    rngs = [np.random.default_rng(5) for _ in envs]
    first = [env.reset(seed=3) for env in envs]
    np.testing.assert_array_equal(first[0][0], first[1][0])
    episodes = 0
    for _ in range(1000):
        steps = [
            env.step(random_action(env, sampler, rng))
            for env, sampler, rng in zip(envs, samplers, rngs)
        ]
        (a, reward, _, over, info), (b, other, _, _, again) = steps
        assert a.tobytes() == b.tobytes()
        assert reward == other
        assert info.keys() == again.keys()
        for key, value in info.items():
            if isinstance(value, tuple):  # a mask per head
                value, again[key] = np.concatenate(value), np.concatenate(again[key])
            np.testing.assert_array_equal(value, again[key])
        if over:
            episodes += 1
            # without a seed the next one is drawn, the same in both
            a, b = (env.reset()[0] for env in envs)
            assert a.tobytes() == b.tobytes()
    assert episodes >= 1
    assert envs[0].reset(seed=3)[0].tobytes() == first[0][0].tobytes()


def test_oracle_the_engine_pays_the_same_for_the_same_placements():
    slots = 20
    env = make("flat", slots=slots)
    run = wayside.run("wang2025", "nearest", seeds=[7], slots=slots, overrides=SMALL)
    pyarrow = pytest.importorskip("pyarrow")
    objective = pyarrow.table(run.slots)["objective"].to_pylist()
    env.reset(seed=7)
    entries = env.action_space.nvec[0]
    for t in range(slots):
        slot = env.slot()
        action = []
        for vehicle in range(12):
            start, end = slot.coverage["start"][vehicle : vehicle + 2]
            covered = start < end
            target = slot.coverage["rsu"][start] if covered else 0
            action += [0 if covered else entries - 1, target]
        _, reward, terminated, truncated, info = env.step(np.array(action))
        assert reward == -objective[t] == -info["objective"]
        assert (terminated, truncated, info["masked"]) == (False, t + 1 == slots, 0)
    with pytest.raises(ValueError, match="the episode is over: reset first"):
        env.step(np.array(action))


def test_property_sequential_rewards_add_up_to_the_slot():
    env, sampler, rng = make("sequential"), None, np.random.default_rng(0)
    sampler = MaskedSampler([env.action_space.n])
    env.reset(seed=1)
    total = 0.0
    while True:
        _, reward, _, _, info = env.step(random_action(env, sampler, rng))
        total += reward
        if info["slot_ended"]:
            break
    assert total == pytest.approx(-info["objective"], abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_property_observations_are_in_their_space_and_masks_leave_a_choice(form):
    env, rng = make(form, scenario="coupled", slots=10), np.random.default_rng(2)
    sampler = MaskedSampler(env._env.nvec)
    observation, _ = env.reset(seed=0)
    over = False
    while not over:
        assert observation in env.observation_space
        action = random_action(env, sampler, rng)
        assert action in env.action_space
        observation, _, _, over, info = env.step(action)
        assert info["masked"] == 0
        heads = np.split(env.action_masks(), np.cumsum(env._env.nvec)[:-1])
        assert all(head.any() for head in heads)


def test_property_a_masked_action_is_counted_or_refused():
    lax, strict = make("shared"), make("shared", masked="error")
    rng = np.random.default_rng(0)
    for env in (lax, strict):
        env.reset(seed=0)
    mask = lax.action_masks()
    starts = np.concatenate(([0], np.cumsum(lax.action_space.nvec)[:-1]))
    action = MaskedSampler(lax.action_space.nvec).sample(mask, rng)
    heads = [mask[s : s + n] for s, n in zip(starts, lax.action_space.nvec)]
    wrong = next(i for i, head in enumerate(heads) if not head.all())
    first = action.copy()
    action[wrong] = int(np.argmin(heads[wrong]))
    first[wrong] = int(np.argmax(heads[wrong]))
    with pytest.raises(ValueError, match=rf"action\[{wrong}\]: {action[wrong]} is masked"):
        strict.step(action)
    *_, info = lax.step(action)
    assert info["masked"] == 1
    *_, same = strict.step(first)
    assert same["objective"] == info["objective"]


def test_property_wrong_actions_raise_and_change_nothing():
    env = make()
    observation, _ = env.reset(seed=0)
    heads = len(env.action_space.nvec)
    good = np.zeros(heads, dtype=np.int64)
    cases = [
        (np.zeros(heads - 1, dtype=int), ValueError, rf"must be of shape \({heads},\), got \({heads - 1},\)"),
        (np.zeros((heads, 1), dtype=int), ValueError, "must be of shape"),
        (0, ValueError, "must be of shape"),
        (np.zeros(heads), TypeError, "must be integers, got float64"),
        (np.full(heads, np.nan), TypeError, "must be integers, got float64"),
        (np.zeros(heads, dtype=bool), TypeError, "must be integers, got bool"),
        ("abc", TypeError, "must be integers"),
        (None, TypeError, "must be integers"),
        (good - 1, ValueError, r"action\[0\]: must be in 0..8, got -1"),
        (good + 8, ValueError, r"action\[0\]: must be in 0..8, got 8"),
        (np.full(heads, 2**63, dtype=np.uint64), ValueError, "must be small"),
    ]
    for action, error, text in cases:
        with pytest.raises(error, match=text):
            env.step(action)
    assert env._observation().tobytes() == observation.tobytes()
    env.step(good.astype(np.int32))
    env.step(list(good))


def test_property_use_before_reset_after_close_and_bad_arguments_raise():
    env = make()
    with pytest.raises(RuntimeError, match="reset it before the first step"):
        env.step(np.zeros(24, dtype=int))
    env.close()
    env.close()
    for use in (lambda: env.step(np.zeros(24, dtype=int)), lambda: env.reset(seed=0), env.action_masks):
        with pytest.raises(RuntimeError, match="environment: closed; make a new one"):
            use()
    bad = [
        ({"form": "round"}, "form: must be flat, shared, sequential or plan, got round"),
        ({"masked": "never"}, "masked: must be first or error, got never"),
        ({"slots": 0}, "slots: must be > 0, got 0"),
        ({"render_mode": "ansi"}, "render_mode: must be human, rgb_array or None, got ansi"),
    ]
    for options, text in bad:
        with pytest.raises(ValueError, match=text):
            OffloadingEnv("wang2025", **options)
    with pytest.raises(ValueError, match="vehicles: must be at least 100"):
        OffloadingEnv("wang2025", "shared", vehicles=5).reset(seed=0)
    with pytest.raises(ValueError, match="form: must be sequential or plan where tasks queue"):
        OffloadingEnv("lin2025", "shared")
    with pytest.raises(Exception, match="seed: must be in 0"):
        make().reset(seed=-1)


def test_property_seeds_are_those_asked_for_and_reset_without_goes_on():
    env = make(slots=2)
    _, info = env.reset(seed=11)
    assert info["seed"] == 11
    later = [env.reset()[1]["seed"] for _ in range(3)]
    env.reset(seed=11)
    assert later == [env.reset()[1]["seed"] for _ in range(3)]
    assert len(set(later)) == 3
    # without any seed two environments differ
    assert make().reset()[1]["seed"] != make().reset()[1]["seed"]


def test_property_pictures_show_the_slot():
    env = make(render_mode="rgb_array")
    with pytest.raises(RuntimeError, match="reset it before"):
        env.render()
    env.reset(seed=0)
    before = env.render()
    assert before.shape == (480, 480, 3)
    assert before.dtype == np.uint8
    env.step(np.zeros(24, dtype=int))
    after = env.render()
    assert (before != after).any()
    blue = (after == np.array([0, 114, 178])).all(axis=-1)
    assert blue.any()


def test_closed_form_pictures_say_what_became_of_the_slot():
    env = make(render_mode="rgb_array", bound="split")
    env.reset(seed=0)
    undecided = render.svg(env.unwrapped._frame)
    assert "seed 0&#160;&#160; slot 0<" in undecided
    slot = env.unwrapped.slot()
    action = env.unwrapped.expert_action("price")
    tasks, placements = env.unwrapped.placements_of(action)
    info = env.step(action)[4]
    decided = render.svg(env.unwrapped._frame)
    loads = np.zeros(len(slot.rsu_ids))
    for (_, execution), cycles in zip(placements, slot.tasks["cycles"][tasks], strict=True):
        if execution >= 0:
            loads[execution] += cycles
    loads /= slot.rsus["cpu_hz"] * slot.slot_s
    for words in [
        f"J {info['objective']:.4f}",
        f"bound {info['lower_bound']:.4f}",
        f"on time {info['deadline_met']:.0f} of {info['tasks']:.0f}",
        f"load {loads.mean():.0%}, at most {loads.max():.0%}",
    ]:
        assert words in decided
    # a line to the RSU that receives a task, another one to the RSU that executes it
    offloaded = (placements[:, 0] >= 0).sum()
    migrated = ((placements[:, 0] >= 0) & (placements[:, 1] != placements[:, 0])).sum()
    assert decided.count("<path") - undecided.count("<path") == offloaded + migrated


def test_closed_form_sampler_draws_legal_actions_evenly():
    sampler = MaskedSampler([3, 2])
    mask = np.array([[True, False, True, False, True], [False, True, False, True, True]])
    rng = np.random.default_rng(0)
    drawn = np.stack([sampler.sample(mask, rng) for _ in range(4000)])
    assert set(drawn[:, 0, 0]) == {0, 2}
    assert set(drawn[:, 0, 1]) == {1}
    assert set(drawn[:, 1, 0]) == {1}
    assert set(drawn[:, 1, 1]) == {0, 1}
    assert abs((drawn[:, 0, 0] == 0).mean() - 0.5) < 0.04


def test_oracle_sampler_takes_the_action_that_the_obvious_way_takes():
    nvec = [1, 64, 65, 3, 100, 9, 63]
    rng = np.random.default_rng(3)
    for density in (0.02, 0.5, 1.0):
        mask = rng.random((20, sum(nvec))) < density
        drawn = MaskedSampler(nvec).sample(mask, np.random.default_rng(7))
        units = np.random.default_rng(7).random((20, len(nvec)))
        for row, actions, shares in zip(mask, drawn, units):
            heads = np.split(row, np.cumsum(nvec)[:-1])
            for head, action, unit in zip(heads, actions, shares):
                legal = np.flatnonzero(head)
                assert action == (legal[int(unit * len(legal))] if len(legal) else 0)
    for wrong in (mask[:, :-1], np.ones(sum(nvec) + 1, dtype=bool)):
        with pytest.raises(ValueError, match="mask: must be as long as all heads"):
            MaskedSampler(nvec).sample(wrong, rng)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_property_steps_leave_no_memory_behind():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    vector = OffloadingVectorEnv(8, "wang2025", "sequential", overrides=SMALL, slots=50)
    single = make("flat", slots=50)
    vector.reset(seed=0)
    single.reset(seed=0)
    rng = np.random.default_rng(0)
    samplers = [MaskedSampler(env._env.nvec) for env in (vector, single)]

    def go(count):
        for _ in range(count):
            vector.step(samplers[0].sample(vector.action_masks(), rng)[:, 0])
            *_, over, _ = single.step(samplers[1].sample(single.action_masks(), rng))
            if over:
                single.reset()

    go(1000)
    before = resident()
    go(6000)
    # a kilobyte for every hundredth step would be half a MiB; 10^6 steps are in benches/steps.py
    assert resident() - before < 0.5


def dense():
    """``wang2025`` with RSUs every 120 m: more of them than a word has bits."""
    text = (Path(__file__).parent.parent.parent / "scenarios" / "city-grid.toml").read_text()
    text = text.replace('kind = "fcd"\npath = "builtin:city-grid"', 'kind = "straight"\nspeed_mps = 9')
    text = text.replace("spacing_m = 250\nrange_m = 500", "spacing_m = 120\nrange_m = 200")
    return wayside.Scenario.from_toml(text + "\n[area]\nwidth_m = 1200\nheight_m = 1600\n", {"fleet.size": 30})


@pytest.mark.parametrize("scenario", ["wang2025", "coupled", "dense"])
def test_oracle_flat_shows_candidates_and_targets_as_the_obvious_way_does(scenario):
    scenario = dense() if scenario == "dense" else scenario
    env = OffloadingEnv(scenario, "flat", overrides={"fleet.size": 30}, slots=6)
    rng = np.random.default_rng(1)
    observation, _ = env.reset(seed=4)
    entries, rsus = env.action_space.nvec[:2]
    heads = env.action_space.nvec[2:3] if len(env.action_space.nvec) == 3 * 30 else []
    own, beta = 7, entries - 1
    for _ in range(6):
        slot = env.slot()
        routes = set(zip(slot.routes["from"].tolist(), slot.routes["to"].tolist()))
        rows = observation[: 30 * (own + entries)].reshape(30, -1)
        masks = env.action_masks().reshape(30, -1)
        for vehicle, row, mask in zip(slot.tasks["vehicle"], rows, masks):
            start, end = slot.coverage["start"][vehicle : vehicle + 2]
            links = slot.coverage["rsu"][start:end].tolist()
            covering = links[:beta]
            free = [m for m in range(rsus) if slot.rsus["available_cpu_hz"][m] > 0]
            reached = [any((m, to) in routes for m in covering) and to in free for to in range(rsus)]
            ids = np.zeros(entries)
            entry, target = np.zeros(entries, dtype=bool), np.zeros(rsus, dtype=bool)
            rules = [np.zeros(size, dtype=bool) for size in heads]
            if covering:
                ids[:beta] = [(covering[k % len(covering)] + 1) / rsus for k in range(beta)]
                entry[:] = True
                target[:] = reached if any(reached) else [m == links[0] for m in range(rsus)]
                for rule in rules:
                    rule[:] = True
            else:
                entry[-1] = target[0] = True
                for rule in rules:
                    rule[0] = True
            np.testing.assert_array_equal(row[own:], ids.astype(np.float32))
            assert row[2] == (np.float32((links[0] + 1) / rsus) if links else 0.0)
            np.testing.assert_array_equal(mask, np.concatenate([entry, target, *rules]))
        action = MaskedSampler(env._env.nvec).sample(env.action_masks(), rng)
        observation, *_ = env.step(action)
    assert rsus > 64 or isinstance(scenario, str)
