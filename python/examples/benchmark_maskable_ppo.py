"""MaskablePPO of sb3-contrib on the open benchmark: ``python benchmark_maskable_ppo.py [decisions] [seed]``.

It is trained in ``hotspot`` as in ``maskable_ppo.py``, and scored in the tasks whose observations have the same shape: 100
vehicles, 11 RSUs.
"""

import sys

import torch
from maskable_ppo import Changes
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import DummyVecEnv

import wayside
from wayside.env import OffloadingEnv

TASKS = ["slot-100", "hotspot", "balanced-100", "radio"]


def main(decisions=200_000, seed=0):
    torch.set_num_threads(1)
    environments = DummyVecEnv([lambda: Changes(OffloadingEnv("hotspot", "sequential"))] * 8)
    model = MaskablePPO(
        "MlpPolicy",
        environments,
        n_steps=256,
        batch_size=512,
        n_epochs=4,
        gamma=0.0,
        learning_rate=1e-3,
        seed=seed,
        device="cpu",
    )
    model.learn(decisions)

    def act(observation, mask):
        return int(model.predict(observation, action_masks=mask, deterministic=True)[0])

    policy = wayside.GymPolicy(act, form="sequential", name="MaskablePPO")
    card = wayside.benchmark([policy, "nearest", "ppo", "price"], tasks=TASKS)
    print(card)
    return card


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
