"""A policy gradient in NumPy alone: ``python policy_gradient.py [decisions]``.

The environment's ``sequential`` form asks for one task after the other. A small network scores every option of
the task, row by row; the softmax of the legal ones is the policy. Each decision is held to what it changed at
once (the tentative cost of the slot, which the reward deals out), so that no return has to be estimated: plain
REINFORCE with the batch's mean as its baseline. The first reward of a slot holds the cost of all its tasks, and is left out.
"""

import sys
import time

import gymnasium
import numpy as np
from compare import compare

import wayside  # noqa: F401
from wayside.masks import MaskedSampler

ENVS, ROUNDS = 8, 64
HIDDEN, RATE = 32, 0.01


class Network:
    """Rows of features to one score each, by a hidden layer; learns by Adam."""

    def __init__(self, width, rng):
        self.weights = [
            rng.normal(0.0, width**-0.5, (width, HIDDEN)),
            np.zeros(HIDDEN),
            rng.normal(0.0, 0.1 * HIDDEN**-0.5, HIDDEN),
        ]
        self.moments = [(np.zeros_like(w), np.zeros_like(w)) for w in self.weights]
        self.steps = 0

    def hidden(self, rows):
        return np.tanh(rows @ self.weights[0] + self.weights[1])

    def policy(self, rows, mask):
        """Probability of every option: ``(..., options)``."""
        scores = np.where(mask, self.hidden(rows) @ self.weights[2], -np.inf)
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return odds / odds.sum(axis=-1, keepdims=True)

    def learn(self, rows, mask, action, advantage):
        """One step up the gradient of ``advantage * log(probability of the action)``."""
        hidden = self.hidden(rows)
        slope = -self.policy(rows, mask)
        slope[np.arange(len(action)), action] += 1.0
        slope *= advantage[:, None] / len(action)
        inner = slope[..., None] * self.weights[2] * (1.0 - hidden**2)
        gradient = [
            np.einsum("bof,boh->fh", rows, inner),
            inner.sum(axis=(0, 1)),
            np.einsum("bo,boh->h", slope, hidden),
        ]
        self.steps += 1
        for weight, slope, (mean, square) in zip(self.weights, gradient, self.moments):
            mean += 0.1 * (slope - mean)
            square += 0.01 * (slope**2 - square)
            unbiased = square / (1.0 - 0.99**self.steps)
            weight += RATE * mean / (1.0 - 0.9**self.steps) / (np.sqrt(unbiased) + 1e-8)


def train(scenario="wang2025", decisions=200_000, seed=0):
    """The network, and decisions taken a second."""
    env = gymnasium.make_vec(
        "wayside/Offloading-v0",
        num_envs=ENVS,
        vectorization_mode="vector_entry_point",
        scenario=scenario,
        form="sequential",
        autoreset_mode="SameStep",
    )
    rng = np.random.default_rng(seed)
    network = Network(env.single_observation_space.shape[1], rng)
    sampler = MaskedSampler([env.single_action_space.n])
    # seeds that no comparison uses
    rows, infos = env.reset(seed=1_000_000 * (seed + 1))
    first = np.ones(ENVS, dtype=bool)
    begin = time.perf_counter()
    for _ in range(decisions // (ENVS * ROUNDS)):
        batch = []
        for _ in range(ROUNDS):
            mask = infos["action_mask"]
            odds = network.policy(rows, mask)
            action = (odds.cumsum(axis=1) < rng.random((ENVS, 1))).sum(axis=1)
            # rounding may point beyond the last legal option
            legal = mask[np.arange(ENVS), np.minimum(action, mask.shape[1] - 1)]
            action = np.where(legal, action, sampler.sample(mask, rng)[:, 0])
            before, keep = rows, ~first
            rows, reward, _, _, infos = env.step(action)
            first = infos["_objective"]
            batch.append((before[keep], mask[keep], action[keep], reward[keep]))
        before, mask, action, reward = (np.concatenate(column) for column in zip(*batch))
        network.learn(before, mask, action, (reward - reward.mean()) / (reward.std() + 1e-12))
    env.close()
    return network, decisions / (time.perf_counter() - begin)


def main(decisions=200_000):
    network, speed = train(decisions=decisions)
    print(f"{decisions} decisions, {speed:.0f} a second")

    def choose(observation, mask):
        return int(network.policy(observation, mask).argmax())

    objective = compare("NumPy", choose, "wang2025", range(5), slots=20)
    assert objective["NumPy"] < 0.5 * (objective["nearest"] + objective["price"]), "it has learned nothing"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
