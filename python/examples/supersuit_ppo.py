"""PettingZoo through SuperSuit to stable-baselines3: ``pip install supersuit stable-baselines3``, then
``python supersuit_ppo.py [steps] [seed]``.

Vehicles are agents that share one network. SuperSuit's standard route makes a vector environment of them. PPO of stable-baselines3 knows no
masks: a masked action counts as the first legal one.
"""

import sys
import time

import numpy as np
import supersuit
import torch
from stable_baselines3 import PPO

from wayside.parallel import OffloadingParallelEnv

SMALL = {"fleet.size": 20}


def played(choose, seeds, slots=10):
    """The mean objective of every seed."""
    env, means = OffloadingParallelEnv("wang2025", overrides=SMALL, slots=slots), []
    for seed in seeds:
        observations, _ = env.reset(seed=seed)
        costs = []
        while env.agents:
            actions = {agent: choose(agent, observations[agent]) for agent in env.agents}
            observations, rewards, _, _, _ = env.step(actions)
            costs.append(-next(iter(rewards.values())))
        means.append(np.mean(costs))
    return float(np.mean(means))


def main(steps=100_000, seed=0):
    torch.set_num_threads(1)
    # SuperSuit's vector takes no seed
    torch.manual_seed(seed)
    env = OffloadingParallelEnv("wang2025", overrides=SMALL)
    env = supersuit.pettingzoo_env_to_vec_env_v1(env)
    env = supersuit.concat_vec_envs_v1(env, 2, num_cpus=1, base_class="stable_baselines3")
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=512, gamma=0.0, learning_rate=1e-3, device="cpu")
    begin = time.perf_counter()
    model.learn(steps)
    print(f"{model.num_timesteps} decisions in {time.perf_counter() - begin:.0f} s")
    draw = OffloadingParallelEnv("wang2025", overrides=SMALL).action_space("vehicle_0")
    draw.seed(seed)
    random = played(lambda agent, rows: draw.sample(), range(5))
    learned = played(lambda agent, rows: model.predict(rows, deterministic=True)[0], range(5))
    print(f"random J {random:.4f}, learned J {learned:.4f}")
    assert learned < 0.9 * random, "it has learned nothing"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
