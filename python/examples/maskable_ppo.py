"""MaskablePPO of sb3-contrib: ``pip install sb3-contrib``, then ``python maskable_ppo.py [decisions] [seed]``.

The same environment as in ``policy_gradient.py``. The first reward of a slot holds the cost of all its tasks, a
hundred times what a single decision changes: it is set to zero, and the others are brought to the scale of one.
"""

import sys
import time

import gymnasium
import torch
from compare import compare
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import DummyVecEnv

from wayside.env import OffloadingEnv

SCALE = 1e3


class Changes(gymnasium.Wrapper):
    """Rewards that say what a decision has changed."""

    def reset(self, **options):
        self.first = True
        return self.env.reset(**options)

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        reward, self.first = 0.0 if self.first else SCALE * reward, info["slot_ended"]
        return observation, reward, terminated, truncated, info

    def action_masks(self):
        return self.env.action_masks()


def main(decisions=200_000, seed=0):
    torch.set_num_threads(1)

    def make():
        return Changes(OffloadingEnv("wang2025", "sequential"))

    model = MaskablePPO(
        "MlpPolicy",
        DummyVecEnv([make] * 8),
        n_steps=256,
        batch_size=512,
        n_epochs=4,
        gamma=0.0,
        learning_rate=1e-3,
        seed=1_000_000 * (seed + 1),
        device="cpu",
    )
    begin, clock = time.perf_counter(), time.process_time()
    model.learn(decisions)
    wall, cpu = time.perf_counter() - begin, time.process_time() - clock
    print(f"{model.num_timesteps} decisions in {wall:.0f} s, {cpu:.0f} s of CPU")

    def choose(observation, mask):
        action, _ = model.predict(observation, action_masks=mask, deterministic=True)
        return int(action)

    compare("MaskablePPO", choose, "wang2025", range(5), slots=20)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
