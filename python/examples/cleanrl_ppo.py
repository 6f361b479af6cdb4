"""PPO in one file, as CleanRL writes it: ``pip install torch``, then ``python cleanrl_ppo.py [decisions] [seed]``.

Nothing of Wayside but the environment: a vector of them, stepped in Rust, with masks in ``infos["action_mask"]``. The network
scores every row of ``sequential`` alike, so that it fits any number of vehicles; the value is of the mean row.
"""

import sys
import time

import gymnasium
import torch
from compare import compare
from torch import nn

import wayside  # noqa: F401

ENVS, STEPS, EPOCHS, MINIBATCHES = 8, 128, 8, 4
RATE, CLIP, ENTROPY, SCALE = 5e-3, 0.2, 0.001, 1e3


class Agent(nn.Module):
    """Logits of the rows, and the value of what they show."""

    def __init__(self, width):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))
        self.critic = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))

    def policy(self, rows, mask):
        logits = self.actor(rows).squeeze(-1).masked_fill(~mask, -1e9)
        return torch.distributions.Categorical(logits=logits)

    def value(self, rows):
        return self.critic(rows.mean(dim=-2)).squeeze(-1)


def rollout(env, agent, state):
    """``STEPS`` steps of every environment: columns ``(STEPS, ENVS, ...)``, and where they stand."""
    rows, mask, first = state
    columns = []
    for _ in range(STEPS):
        with torch.no_grad():
            policy = agent.policy(rows, mask)
            action, value = policy.sample(), agent.value(rows)
        observation, reward, _, _, infos = env.step(action.numpy())
        # the first reward of a slot holds the cost of all its tasks, the others what one decision changed
        reward = torch.as_tensor(reward, dtype=torch.float32) * SCALE * ~first
        columns.append((rows, mask, action, policy.log_prob(action), value, reward, ~first))
        first = torch.as_tensor(infos["slot_ended"])
        rows, mask = torch.as_tensor(observation), torch.as_tensor(infos["action_mask"])
    return [torch.stack(column) for column in zip(*columns)], (rows, mask, first)


def update(agent, optimiser, columns):
    """PPO on a rollout; every decision is held to what it changed at once (gamma 0)."""
    rows, mask, action, before, value, reward, keep = (c.flatten(0, 1) for c in columns)
    chosen = keep.nonzero().squeeze(-1)
    advantage = reward - value
    advantage = (advantage - advantage[chosen].mean()) / (advantage[chosen].std() + 1e-8)
    for _ in range(EPOCHS):
        for batch in chosen[torch.randperm(len(chosen))].chunk(MINIBATCHES):
            policy = agent.policy(rows[batch], mask[batch])
            ratio = (policy.log_prob(action[batch]) - before[batch]).exp()
            gain = torch.min(ratio * advantage[batch], ratio.clamp(1 - CLIP, 1 + CLIP) * advantage[batch])
            error = (agent.value(rows[batch]) - reward[batch]).square()
            loss = -gain.mean() + 0.5 * error.mean() - ENTROPY * policy.entropy().mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimiser.step()


def main(decisions=100_000, seed=0):
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    env = gymnasium.make_vec(
        "wayside/Offloading-v0",
        num_envs=ENVS,
        vectorization_mode="vector_entry_point",
        form="sequential",
        autoreset_mode="SameStep",
    )
    agent = Agent(env.single_observation_space.shape[1])
    optimiser = torch.optim.Adam(agent.parameters(), lr=RATE)
    observation, infos = env.reset(seed=1_000_000 * (seed + 1))
    state = torch.as_tensor(observation), torch.as_tensor(infos["action_mask"]), torch.ones(ENVS, dtype=torch.bool)
    begin, rounds = time.perf_counter(), max(1, decisions // (ENVS * STEPS))
    for _ in range(rounds):
        columns, state = rollout(env, agent, state)
        update(agent, optimiser, columns)
    env.close()
    print(f"{rounds * ENVS * STEPS} decisions in {time.perf_counter() - begin:.0f} s")

    def choose(observation, mask):
        with torch.no_grad():
            return int(agent.policy(torch.as_tensor(observation), torch.as_tensor(mask)).logits.argmax())

    objective = compare("CleanRL PPO", choose, "wang2025", range(5), slots=20)
    assert objective["CleanRL PPO"] < 0.5 * (objective["nearest"] + objective["price"]), "it has learned nothing"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
