"""Data sets of decisions, and what is learned from them."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import wayside
from wayside import GymPolicy, load_policy

minari = pytest.importorskip("minari", reason="Minari needs Python 3.11")
# the tests lay the package beside its extension, without metadata
pytestmark = pytest.mark.filterwarnings("ignore:Package wayside is not installed")

SMALL = {"fleet.size": 6, "time.slots": 3}
QUEUES = {"time.slot_s": 0.1, "time.slots": 3, "fleet.size": 6}
CASES = [
    ("price", "wang2025", "flat", SMALL),
    ("price", "wang2025", "shared", SMALL),
    ("price", "wang2025", "sequential", SMALL),
    ("ppo", "coupled", "sequential", SMALL),
    ("ect-cloud", "lin2025", "sequential", QUEUES),
    ("always-follow", "highway", "sequential", {"fleet.size": 6, "time.slots": 8}),
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    return tmp_path


def heads_of(env):
    return np.cumsum(env._env.nvec)[:-1]


@pytest.mark.parametrize(("policy", "scenario", "form", "overrides"), CASES)
def test_oracle_an_episode_is_what_the_environment_says(policy, scenario, form, overrides):
    """The environment is the oracle: made from the data set's card, it repeats every step of it."""
    made = wayside.record(policy, "test/x-v0", scenario, form, seeds=[3, 4], overrides=overrides)
    assert (made.total_episodes, len(made)) == (2, 2)
    env = made.recover_environment().unwrapped
    for episode, seed in zip(minari.load_dataset("test/x-v0").iterate_episodes(), [3, 4]):
        observation, info = env.reset(seed=seed)
        steps = len(episode.actions)
        for t in range(steps + 1):
            np.testing.assert_array_equal(episode.observations[t], observation)
            np.testing.assert_array_equal(episode.infos["action_mask"][t], env.action_masks())
            for name in ("objective", "slot", "seed", "slot_ended", "context"):
                np.testing.assert_array_equal(episode.infos[name][t], info[name])
            if t == steps:
                break
            heads = np.split(episode.infos["action_mask"][t], heads_of(env))
            assert all(head[a] for head, a in zip(heads, np.atleast_1d(episode.actions[t])))
            observation, reward, _, over, info = env.step(episode.actions[t])
            assert (reward, over) == (episode.rewards[t], episode.truncations[t])
            assert over == (t == steps - 1)
        assert not episode.terminations.any()


def test_oracle_what_is_recorded_costs_what_a_run_costs():
    made = wayside.record("price", "x-v0", "wang2025", "flat", seeds="0..1", overrides=SMALL, exact=True)
    results = wayside.run("wang2025", "price", seeds=[0, 1], overrides=SMALL, bound="split", timing=False)
    costs, bounds = [], []
    for episode in made:
        ended = episode.infos["slot_ended"]
        assert ended.tolist() == [False, True, True, True] and episode.infos["missed"].sum() == 0
        costs += episode.infos["objective"][ended].tolist()
        bounds += episode.infos["lower_bound"][ended].tolist()
    np.testing.assert_allclose(costs, -np.concatenate([e.rewards for e in made]))
    np.testing.assert_allclose(costs, results.slots.columns()["objective"], rtol=1e-12)
    np.testing.assert_allclose(bounds, results.slots.columns()["lower_bound"], rtol=1e-9)


def test_property_trained_policies_and_functions_act_by_what_they_see():
    policy = load_policy("ppo")
    of = {"scenario": "wang2025", "seeds": [0], "overrides": SMALL}
    one = wayside.record(policy, "one-v0", **of)
    two = wayside.record(GymPolicy(policy.act, "sequential"), "two-v0", **of)
    for ours, theirs in zip(one, two):
        np.testing.assert_array_equal(ours.actions, theirs.actions)
    plans = wayside.record(
        load_policy("lysac", "lin2025"), "plan-v0", "lin2025", "plan", seeds=[0], overrides=QUEUES
    )
    episode = next(iter(plans))
    assert episode.actions.dtype == np.float32 and "action_mask" not in episode.infos
    scenario = wayside.Scenario("wang2025", SMALL)
    assert len(wayside.record("local", "own-v0", scenario, seeds=[0])) == 1


def test_property_what_fails_leaves_nothing(folder):
    class Tired:
        def decide(self, slot):
            if slot.now_s > 0 and slot.seed == 1:
                raise ArithmeticError("too tired")
            return np.full((len(slot.tasks["vehicle"]), 2), wayside.NOWHERE)

    of = {"scenario": "wang2025", "overrides": SMALL}
    with pytest.raises(ArithmeticError, match="too tired"):
        wayside.record(Tired, "tired-v0", seeds=[0, 1], **of)
    assert minari.list_local_datasets() == {}
    wayside.record("local", "local-v0", seeds=[0], **of)
    for dataset, options, text in [
        ("local-v0", {}, "dataset_id: local-v0 is there already"),
        ("no name", {}, "Malformed dataset ID"),
        ("new-v0", {"seeds": []}, "seeds: must hold at least one"),
        ("new-v0", {"seeds": [-1]}, "seeds"),
        ("new-v0", {"reward": "late"}, "reward: must be"),
        ("new-v0", {"form": "flatt"}, "form: must be"),
        ("new-v0", {"policy": "pric"}, "did you mean"),
    ]:
        with pytest.raises(ValueError, match=text):
            wayside.record(**{"policy": "local", "dataset_id": dataset, **of, **options})
    assert list(minari.list_local_datasets()) == ["local-v0"]


def test_property_a_placement_that_the_form_cannot_say_is_counted():
    def far(slot):
        entry = slot.coverage["rsu"][slot.coverage["start"][slot.tasks["vehicle"]]]
        return np.stack([entry, np.full(len(entry), len(slot.rsu_ids) - 1)], axis=1)

    class Far:
        name = "far"

        def decide(self, slot):
            return far(slot)

    of = {"scenario": "wang2025", "form": "sequential", "seeds": [0], "overrides": SMALL}
    made = wayside.record(Far(), "far-v0", **of)
    assert made.spec.algorithm_name == "far" if hasattr(made.spec, "algorithm_name") else True
    missed = next(iter(made)).infos["missed"]
    assert missed[0] == 0 and missed.sum() > 0
    with pytest.raises(ValueError, match="form 'sequential' cannot say"):
        wayside.record(Far(), "exact-v0", exact=True, **of)


def test_property_the_example_of_behaviour_cloning_learns(folder):
    example = Path(__file__).parent.parent / "examples" / "behaviour_cloning.py"
    command = [sys.executable, str(example), "6"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    # it ends in an assertion of its own
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the bound" in done.stdout


def test_property_the_environment_of_a_data_set_is_known_by_its_name():
    made = wayside.record("local", "x-v0", "wang2025", seeds=[0], overrides=SMALL)
    spec = made.env_spec
    assert isinstance(spec, gymnasium.envs.registration.EnvSpec)
    assert spec.kwargs["scenario"] == "wang2025"
