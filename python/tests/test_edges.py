"""What other packages and hurried people do with the package."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from pettingzoo.test import api_test
from pettingzoo.utils import parallel_to_aec

import wayside
from wayside.env import OffloadingEnv
from wayside.parallel import OffloadingParallelEnv
from wayside.vector import OffloadingVectorEnv

SMALL = {"fleet.size": 6}
# not here: the sources of the package must not be found before the package
HERE = Path(wayside.__file__).parent.parent


@pytest.mark.parametrize("form", ["flat", "shared", "sequential"])
def test_regress_sampling_by_the_mask_of_info(form):
    env = gymnasium.make("wayside/Offloading-v0", form=form, slots=3, overrides=SMALL)
    _, info = env.reset(seed=0)
    env.action_space.seed(0)
    over = False
    while not over:
        flat = np.concatenate(np.atleast_2d(info["action_mask"])) if form == "sequential" else (
            np.concatenate(info["action_mask"])
        )
        np.testing.assert_array_equal(flat, env.unwrapped.action_masks())
        action = env.action_space.sample(info["action_mask"])
        _, _, _, over, info = env.step(action)
        assert info["masked"] == 0
    assert env.unwrapped.action_masks().dtype == np.bool_


# the choice of an entry and a target has two parts
@pytest.mark.filterwarnings("ignore:Action space for each agent probably")
def test_regress_pettingzoos_own_test_of_the_aec_form():
    api_test(parallel_to_aec(OffloadingParallelEnv(slots=3, overrides=SMALL)), num_cycles=30)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_regress_environments_are_copied_by_their_arguments(clone):
    scenario = wayside.Scenario("wang2025", SMALL)
    envs = [
        OffloadingEnv("wang2025", "shared", slots=3, overrides=SMALL),
        OffloadingEnv(scenario, "sequential", slots=2, masked="error"),
        OffloadingParallelEnv("wang2025", slots=3, overrides=SMALL),
        OffloadingVectorEnv(2, "wang2025", slots=3, overrides=SMALL, threads=1),
    ]
    for env in envs:
        env.reset(seed=3)
        first, second = env.reset(seed=4)[0], clone(env).reset(seed=4)[0]
        if isinstance(first, dict):
            assert first.keys() == second.keys()
            first, second = list(first.values()), list(second.values())
        np.testing.assert_array_equal(first, second)


def test_regress_supersuit_makes_vectors_of_it():
    supersuit = pytest.importorskip("supersuit")
    env = OffloadingParallelEnv("wang2025", slots=3, overrides=SMALL)
    one = supersuit.pettingzoo_env_to_vec_env_v1(env)
    several = supersuit.concat_vec_envs_v1(one, 2, num_cpus=1, base_class="gymnasium")
    assert len(several.reset(seed=0)[0]) == 12


def test_regress_seeds_are_named():
    def run(seeds):
        return wayside.run("wang2025", ["nearest"], seeds=seeds, slots=1, overrides=SMALL)

    most = 2**63 - 1
    for seeds, error, message in [
        ([-1], ValueError, f"seeds[0]: must be in 0..{most}, got -1"),
        ([0, 2**64], ValueError, f"seeds[1]: must be in 0..{most}, got {2**64}"),
        ([0.5], TypeError, "seeds[0]: must be an integer, got 0.5"),
        (3, ValueError, "seeds: must be integers, as in range(10), or text"),
        ("x", ValueError, "seeds: must be as in"),
        ("9..0", ValueError, "the first must not be above the last"),
        ("0..99999999999", ValueError, "at most 10000000"),
        ([], ValueError, "seeds: must hold at least one"),
    ]:
        with pytest.raises(error) as raised:
            run(seeds)
        assert message in str(raised.value)
    assert run("0..1").summary["seeds"] == [0, 1]
    assert run("3,7").summary["seeds"] == run(np.array([3, 7])).summary["seeds"] == [3, 7]
    for env in (OffloadingEnv(overrides=SMALL), OffloadingParallelEnv(overrides=SMALL)):
        for seed in (-1, 2**64):
            with pytest.raises(ValueError, match=f"seed: must be in 0..{most}, got {seed}"):
                env.reset(seed=seed)
    with pytest.raises(ValueError, match=r"seed\[1\]: must be in"):
        OffloadingVectorEnv(2, overrides=SMALL).reset(seed=[1, -1])


def test_regress_gymnasiums_checker_passes_without_pygame():
    code = """
import sys
sys.modules["pygame"] = None
import warnings, gymnasium, wayside
from gymnasium.utils.env_checker import check_env
warnings.simplefilter("error")
for name in ("wayside/Offloading-v0", "wayside/Migration-v0"):
    env = gymnasium.make(name)
    assert env.metadata["render_modes"] == ["rgb_array"]
    check_env(env.unwrapped)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HERE)
    assert done.returncode == 0, done.stderr
