"""Searches the learning rate of PPO with Ray Tune: ``pip install "ray[tune]"``, then ``python ray_tune.py [trials]``.

Every trial is a training in a folder of its own. After each evaluation ASHA hears the gap to the certified bound, and stops
the trials that are behind.
"""

import sys
import tempfile
from pathlib import Path

from ray import tune
from ray.tune.schedulers import ASHAScheduler

import wayside

BUDGET = {"total_timesteps": 20_000, "n_steps": 200, "n_envs": 4, "eval_freq": 2, "eval_slots": 5}


def trial(config):
    last = None

    def hear(metrics):
        nonlocal last
        if metrics["wayside/gap"] is not None:
            last = metrics["wayside/gap"]
            tune.report({"gap": last})

    with tempfile.TemporaryDirectory() as folder:
        wayside.train(
            "ppo",
            "wang2025",
            out=Path(folder) / "trial",
            overrides={"fleet.size": 30},
            encoder="flat",
            callback=hear,
            threads=1,
            **BUDGET,
            **config,
        )


def main(trials=6):
    tuner = tune.Tuner(
        trial,
        param_space={"learning_rate": tune.loguniform(1e-4, 1e-2)},
        tune_config=tune.TuneConfig(
            num_samples=trials,
            metric="gap",
            mode="min",
            scheduler=ASHAScheduler(grace_period=2, max_t=20),
            max_concurrent_trials=2,
        ),
    )
    results = tuner.fit()
    best = results.get_best_result()
    # the first evaluation is that of the untrained network
    before, after = best.metrics_dataframe["gap"].iloc[0], best.metrics["gap"]
    print(f"{len(results)} trials, gap {100 * before:.1f} % before, {100 * after:.1f} % with {best.config}")
    assert after < before, "it has learned nothing"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
