"""Trainings and the program."""

import json
import subprocess
import sys
import tempfile

import pytest

import wayside

SHORT = {"total_timesteps": 240, "n_steps": 20, "n_envs": 1, "eval_slots": 2, "net_arch": [8, 8]}
SMALL = {"fleet.size": 4}


def program(*args):
    command = [sys.executable, "-m", "wayside", *map(str, args)]
    # not here: -m would find the sources of the package before the package
    return subprocess.run(command, capture_output=True, text=True, cwd=tempfile.gettempdir())


@pytest.mark.parametrize(
    ("algorithm", "scenario", "overrides", "options"),
    [
        ("ppo", "wang2025", SMALL, SHORT),
        ("lysac", "lin2025", {}, {"total_timesteps": 40, "learning_starts": 20, "eval_slots": 1}),
    ],
)
def test_oracle_the_program_trains_the_same_policy(tmp_path, algorithm, scenario, overrides, options):
    ours = wayside.train(algorithm, scenario, out=tmp_path / "a", overrides=overrides, seed=3, **options)
    words = [f"--set={key}={value}" for key, value in overrides.items()]
    text = {name: ",".join(map(str, x)) if isinstance(x, list) else x for name, x in options.items()}
    words += [f"--option={name}={value}" for name, value in text.items()]
    done = program("train", algorithm, scenario, "--seed=3", "--quiet", *words, "--out", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    assert ours.ended == "done"
    assert ours.policy == tmp_path / "a" / "policy.safetensors"
    assert ours.policy.read_bytes() == (tmp_path / "b" / "policy.safetensors").read_bytes()
    result = wayside.run(scenario, ours.policy, seeds=[0], slots=2, overrides=overrides)
    assert result.summary["policies"][0]["objective"]["mean"] > 0


def test_property_a_training_goes_on_where_its_callback_stopped_it(tmp_path):
    seen = []

    def stop(metrics):
        seen.append(metrics)
        return metrics["time/iterations"] < 1

    whole = wayside.train("ppo", out=tmp_path / "a", overrides=SMALL, **SHORT)
    first = wayside.train("ppo", out=tmp_path / "b", overrides=SMALL, callback=stop, **SHORT)
    assert first.ended == "stopped"
    assert [m["time/iterations"] for m in seen] == [0, 1]
    assert seen[0]["wayside/gap"] == pytest.approx(first.progress[0]["wayside/gap"])
    again = wayside.train("ppo", out=tmp_path / "b", overrides=SMALL, resume=True, **SHORT)
    assert again.ended == "done"
    assert again.policy.read_bytes() == whole.policy.read_bytes()
    assert len(again.progress) == len(whole.progress)
    assert again.best is not None
    assert again.best["objective"] == whole.best["objective"]


def test_property_exceptions_of_a_callback_arrive_as_they_are(tmp_path):
    class OwnError(Exception):
        pass

    def callback(metrics):
        raise OwnError("no")

    with pytest.raises(OwnError, match="no"):
        wayside.train("ppo", out=tmp_path / "a", overrides=SMALL, callback=callback, **SHORT)


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (lambda out: wayside.train("ppo2", out=out), "algorithm: expected ppo, ac, sac or lysac, got"),
        (lambda out: wayside.train("ppo", out=out, encoder="deep"), "encoder: expected sequential"),
        (lambda out: wayside.train("ppo", out=out, learning_rat=1), "learning_rate"),
        (lambda out: wayside.train("ppo", out=out, gamma=2, clip_range=-1), "clip_range(.|\n)*gamma"),
        (lambda out: wayside.train("ppo", out=out, vary=["fleet.size"]), "vary"),
        (lambda out: wayside.train("ppo", out=out, seed=-1), "seed: must be in"),
        (lambda out: wayside.train("ppo", "wang2026", out=out), "did you mean"),
    ],
)
def test_property_wrong_trainings_raise_and_leave_nothing(tmp_path, use, text):
    with pytest.raises(ValueError, match=text):
        use(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_property_the_package_brings_the_program(tmp_path):
    assert program("--version").stdout == f"wayside {wayside.__version__}\n"
    done = program("run", "wang2025", "--seeds=0", "--slots=2", "--policy=price", "--format=json", "-q")
    assert done.returncode == 0, done.stderr
    same = wayside.run("wang2025", "price", seeds=[0], slots=2)
    found = json.loads(done.stdout)["policies"][0]["objective"]["mean"]
    assert found == same.summary["policies"][0]["objective"]["mean"]
    wrong = program("run", "wang2026")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "did you mean" in wrong.stderr
