"""ONNX models of trained policies: onnxruntime is the oracle for what they compute."""

import json

import numpy as np
import pytest

import wayside
from wayside import load_policy

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime needs Python 3.11")

SMALL = {"fleet.size": 5}
SHORT = {"total_timesteps": 200, "n_steps": 20, "n_envs": 1, "eval_slots": 1, "net_arch": [8, 8]}
SHIPPED = [
    ("ppo", "wang2025", "sequential"),
    ("ppo", "coupled", "sequential"),
    ("ac", "wang2025", "sequential"),
    ("lysac", "lin2025", "plan"),
    ("lysac-no-cloud", "lin2025", "plan"),
]


def session(policy, path):
    policy.to_onnx(path)
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def seen(scenario, form, overrides):
    """Observations and masks along an episode of random legal actions."""
    env = wayside.env.OffloadingEnv(scenario, form, overrides=overrides, slots=8)
    rng = np.random.default_rng(0)
    observation, _ = env.reset(seed=0)
    observations, masks = [], []
    for _ in range(40):
        observations.append(observation)
        if form == "plan":
            action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        else:
            masks.append(env.action_masks())
            heads = np.split(masks[-1], np.cumsum(env._env.nvec)[:-1])
            action = np.array([rng.choice(np.flatnonzero(head)) for head in heads])
            action = action[0] if form == "sequential" else action
        observation, _, _, over, _ = env.step(action)
        if over:
            observation, _ = env.reset()
    return np.stack(observations), np.stack(masks) if masks else None


def check(policy, path, scenario, form, overrides):
    observations, masks = seen(scenario, form, overrides)
    feed = {"observation": observations}
    if masks is not None:
        feed["action_mask"] = masks
    logits, action = session(policy, path).run(["logits", "action"], feed)
    flat = observations.reshape(-1, observations.shape[-1])
    expected = policy._native.logits(flat).reshape(len(observations), -1)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    chosen = policy.act(observations, masks)
    assert action.shape == chosen.shape and action.dtype == chosen.dtype
    if form == "plan":
        np.testing.assert_allclose(action, chosen, atol=1e-5)
        return
    # where two logits are closer than rounding, either is the likeliest
    gaps = np.where(masks, logits, -np.inf)
    if form == "sequential":
        top = np.take_along_axis(gaps, action[:, None], axis=1)
        other = np.take_along_axis(gaps, chosen[:, None], axis=1)
        np.testing.assert_allclose(top, other, atol=2e-5)
    else:
        assert (action == chosen).mean() > 0.999


@pytest.mark.parametrize(("name", "scenario", "form"), SHIPPED)
def test_oracle_onnxruntime_computes_the_shipped_policies(tmp_path, name, scenario, form):
    policy = load_policy(name, scenario)
    assert policy.form == form
    check(policy, tmp_path / "p.onnx", scenario, form, {} if form == "plan" else SMALL)


@pytest.mark.parametrize(("algorithm", "scenario"), [("ppo", "wang2025"), ("ac", "wang2025"), ("ppo", "coupled")])
@pytest.mark.parametrize("form", ["flat", "shared", "sequential"])
@pytest.mark.parametrize("normalised", [False, True])
def test_oracle_onnxruntime_computes_every_form(tmp_path, algorithm, scenario, form, normalised):
    options = {**SHORT, "normalize_observation": normalised, "activation": "relu" if normalised else "tanh"}
    trained = wayside.train(
        algorithm, scenario, out=tmp_path / "t", overrides=SMALL, encoder=form, seed=1, **options
    )
    policy = load_policy(trained.policy)
    assert policy.form == form
    assert ("normaliser.rows.mean" in policy.state_dict()) == normalised
    check(policy, tmp_path / "p.onnx", scenario, form, SMALL)


def test_property_a_model_says_where_it_comes_from(tmp_path):
    import onnx

    policy = load_policy("ppo")
    policy.to_onnx(tmp_path / "p.onnx")
    model = onnx.load(tmp_path / "p.onnx")
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["form"] == "sequential" and json.loads(said["card"]) == policy.card
    with pytest.raises(OSError):
        policy.to_onnx(tmp_path / "none" / "p.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["p.onnx"]
