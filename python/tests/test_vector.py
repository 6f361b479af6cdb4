"""The vector environment."""

import os
import threading

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import wayside
from wayside.env import OffloadingEnv
from wayside.masks import MaskedSampler
from wayside.vector import OffloadingVectorEnv

SMALL = {"fleet.size": 10}


def make(count=3, **options):
    return OffloadingVectorEnv(count, options.pop("scenario", "wang2025"), overrides=SMALL, **options)


@pytest.mark.parametrize("form", ["flat", "shared", "sequential"])
@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_oracle_the_same_numbers_as_gymnasiums_own_vector_of_single_ones(form, mode):
    fast = make(form=form, slots=4, autoreset_mode=mode)
    slow = SyncVectorEnv(
        [lambda: OffloadingEnv("wang2025", form, overrides=SMALL, slots=4)] * 3, autoreset_mode=mode
    )
    assert fast.observation_space == slow.observation_space
    assert fast.action_space == slow.action_space
    a, b = fast.reset(seed=5), slow.reset(seed=5)
    np.testing.assert_array_equal(a[0], b[0])
    sampler, rng = MaskedSampler(fast._env.nvec), np.random.default_rng(0)
    ends = 0
    for _ in range(60):
        action = sampler.sample(fast.action_masks(), rng)
        action = action[:, 0] if form == "sequential" else action
        ours, theirs = fast.step(action), slow.step(action)
        for x, y in zip(ours[:4], theirs[:4]):
            np.testing.assert_array_equal(x, y)
            assert x.dtype == y.dtype
        infos, others = ours[4], theirs[4]
        singles = [env.action_masks() for env in slow.envs]
        np.testing.assert_array_equal(infos["action_mask"], singles)
        for key in ("seed", "slot", "context"):
            np.testing.assert_array_equal(infos[key], others[key])
        if "objective" in others:
            there = others["_objective"] & others["slot_ended"]
            np.testing.assert_array_equal(infos["objective"][there], others["objective"][there])
        if "final_obs" in others:
            ends += 1
            for x, y in zip(infos["final_obs"], others["final_obs"]):
                np.testing.assert_array_equal(x, y)
        ends += int(ours[3].any())
    if form != "sequential":
        assert ends > 0


# With one decision a step most steps are done by the calling thread alone; those in which a slot ends wake the others.
@pytest.mark.parametrize("form, steps", [("flat", 30), ("shared", 30), ("sequential", 300)])
def test_property_threads_change_nothing(form, steps):
    one, three = (
        OffloadingVectorEnv(12, "wang2025", form=form, threads=threads, slots=5) for threads in (1, 3)
    )
    sampler, rng = MaskedSampler(one._env.nvec), np.random.default_rng(0)
    one.reset(seed=[3, 1, 4, 1] * 3)
    three.reset(seed=[3, 1, 4, 1] * 3)
    for _ in range(steps):
        action = sampler.sample(one.action_masks(), rng)
        action = action[:, 0] if form == "sequential" else action
        a, b = one.step(action), three.step(action)
        assert a[0].tobytes() == b[0].tobytes()
        assert a[1].tobytes() == b[1].tobytes()


def test_property_gymnasium_makes_it():
    env = gymnasium.make_vec(
        "wayside/Offloading-v0", num_envs=2, vectorization_mode="vector_entry_point", overrides=SMALL
    )
    assert isinstance(env.unwrapped, OffloadingVectorEnv)
    observation, infos = env.reset(seed=0)
    assert observation in env.observation_space
    assert infos["seed"].tolist() == [0, 1]
    env.close()


def test_property_wrong_use_raises():
    env = make()
    heads = len(env.single_action_space.nvec)
    with pytest.raises(RuntimeError, match="reset it before the first step"):
        env.step(np.zeros((3, heads), dtype=int))
    before, _ = env.reset(seed=0)
    cases = [
        (np.zeros((2, heads), dtype=int), ValueError, "must be of shape"),
        (np.zeros((3, heads)), TypeError, "must be integers, got float64"),
        (np.full((3, heads), 99), ValueError, r"environment 0: action\[0\]: must be in 0..8, got 99"),
    ]
    for action, error, text in cases:
        with pytest.raises(error, match=text):
            env.step(action)
    assert env._observation().tobytes() == before.tobytes()
    with pytest.raises(ValueError, match="seed: must hold 3, got 2"):
        env.reset(seed=[1, 2])
    env.close()
    with pytest.raises(RuntimeError, match="vector environment: closed"):
        env.action_masks()
    with pytest.raises(ValueError, match="num_envs: must be > 0"):
        make(0)
    with pytest.raises(ValueError, match="reset_mask: must be bool of shape"):
        make().reset(options={"reset_mask": np.ones(2, dtype=bool)})


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_property_reset_mask_resets_those_alone(mode):
    env = make(slots=4, autoreset_mode=mode)
    before, _ = env.reset(seed=5)
    action = np.zeros((3, len(env.single_action_space.nvec)), dtype=int)
    shown, *_ = env.step(action)
    mask = np.array([True, False, True])
    after, infos = env.reset(seed=[5, 99, 7], options={"reset_mask": mask})
    np.testing.assert_array_equal(after[mask], before[mask])
    np.testing.assert_array_equal(after[1], shown[1])
    assert infos["slot"].tolist() == [0, 1, 0] and infos["seed"].tolist() == [5, 6, 7]
    if mode != AutoresetMode.DISABLED:
        return
    for _ in range(3):
        _, _, _, truncated, _ = env.step(action)
    assert truncated.tolist() == [False, True, False]
    with pytest.raises(ValueError, match=r"environments \[1\]: the episode is over"):
        env.step(action)
    env.reset(options={"reset_mask": truncated})
    *_, truncated, _ = env.step(action)
    assert truncated.tolist() == [True, False, True]


def test_property_two_threads_at_once_raise_and_do_not_hang():
    env = OffloadingVectorEnv(8, "wang2025")
    env.reset(seed=0)
    action = np.zeros((8, len(env.single_action_space.nvec)), dtype=np.int64)
    errors = []

    def go():
        for _ in range(50):
            try:
                env.step(action)
            except RuntimeError as e:
                errors.append(str(e))

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(errors) <= {"vector environment: in use by another thread"}
    env.step(action)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_property_after_a_fork_new_ones_work_and_old_ones_raise():
    old, single = make(), OffloadingEnv("wang2025", overrides=SMALL)
    old.reset(seed=0)
    expected, _ = single.reset(seed=0)
    before = wayside.run("wang2025", "nearest", seeds=[0, 1], slots=2, overrides=SMALL, threads=2)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"?"
        try:
            try:
                old.action_masks()
            except RuntimeError as e:
                said = b"raised" if "made before a fork" in str(e) else str(e).encode()
            old.close()
            new = make()
            new.reset(seed=0)
            new.step(np.zeros((3, len(new.single_action_space.nvec)), dtype=int))
            new.close()
            same = single.reset(seed=0)[0].tobytes() == expected.tobytes()
            run = wayside.run("wang2025", "nearest", seeds=[0, 1], slots=2, overrides=SMALL, threads=2)
            same &= run.metric("nearest", "objective") == before.metric("nearest", "objective")
            said += b" same" if same else b" other"
        finally:
            os.write(writing, said)
            os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    assert (status, os.read(reading, 100)) == (0, b"raised same")
    os.close(reading)
