"""Searches the options of PPO with Optuna, which stops hopeless trainings early.

    pip install optuna
    python optuna_search.py --trials 20 --jobs 2

Every trial is a training in a folder of its own. After each evaluation Optuna hears the gap to the certified bound, and
prunes the trial if it is behind the median of the others at that point. The first trial has the default options.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import optuna

import wayside

SCENARIO = "wang2025"
CHANGES = {"fleet.size": 30}
# the state of the paper, with which learning has far to go: `sequential` begins within .3 % of the bound
ENCODER = "flat"
BUDGET = {"total_timesteps": 40_000, "n_steps": 200, "n_envs": 4, "eval_freq": 2, "eval_slots": 5}
# as `wayside train ppo wang2025 --encoder flat --list-options` shows them
DEFAULTS = {"learning_rate": 3e-4, "ent_coef": 0.0, "clip_range": 0.2, "n_epochs": 4}


def objective(trial: optuna.Trial, folder: Path) -> float:
    options = {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
        "ent_coef": trial.suggest_float("ent_coef", 0.0, 0.02),
        "clip_range": trial.suggest_float("clip_range", 0.1, 0.3),
        "n_epochs": trial.suggest_int("n_epochs", 3, 12),
    }

    def hear(metrics: dict[str, float | None]) -> bool:
        gap = metrics["wayside/gap"]
        if gap is None:
            return True
        trial.report(gap, int(metrics["time/iterations"] or 0))
        return not trial.should_prune()

    training = wayside.train(
        "ppo",
        SCENARIO,
        out=folder / f"trial{trial.number}",
        overrides=CHANGES,
        encoder=ENCODER,
        seed=0,
        callback=hear,
        threads=1,
        **BUDGET,
        **options,
    )
    trial.set_user_attr("before", training.progress[0]["wayside/gap"])
    if training.ended == "stopped":
        raise optuna.TrialPruned
    assert training.best is not None
    gap = training.best["gap"]
    assert gap is not None
    return gap


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="trials at a time")
    args = parser.parse_args()
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
    )
    study.enqueue_trial(DEFAULTS)
    with tempfile.TemporaryDirectory() as folder:
        study.optimize(lambda trial: objective(trial, Path(folder)), args.trials, n_jobs=args.jobs)
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    print(f"{len(study.trials)} trials, {pruned} of them pruned")
    print(f"before:  gap {100 * study.trials[0].user_attrs['before']:.1f} %, nothing learned")
    print(f"default: gap {100 * (study.trials[0].value or float('nan')):.1f} %")
    print(f"best:    gap {100 * study.best_value:.1f} %, {study.best_params}")


if __name__ == "__main__":
    main()
