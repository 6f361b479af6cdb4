"""TorchRL: ``pip install torchrl``, then ``python torchrl_ppo.py [decisions] [seed]``.

``GymWrapper`` takes the environment as it is; ``mask="observation"`` puts the mask where TorchRL looks for it. Collector, advantage
and loss are TorchRL's own.
"""

import sys
import time

import torch
from compare import compare
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import GymWrapper
from torchrl.modules import MaskedCategorical, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

from wayside.env import OffloadingEnv

FRAMES, EPOCHS, MINIBATCHES, SCALE = 1024, 4, 4, 1e3


class Scores(nn.Module):
    """A logit for every row, and the mask as MaskedCategorical takes it."""

    def __init__(self, width):
        super().__init__()
        self.rows = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, observation, action_mask):
        return self.rows(observation).squeeze(-1), action_mask.bool()


class Value(nn.Module):
    """The value of the mean row."""

    def __init__(self, width):
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, observation):
        return self.mean(observation.mean(dim=-2))


def train(scenario, decisions, seed):
    """The network after so many decisions in ``scenario``."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    env = GymWrapper(OffloadingEnv(scenario, "sequential", mask="observation"), categorical_action_encoding=True)
    env.set_seed(seed + 1_000_000)
    width = env.observation_spec["observation"].shape[-1]
    scores = TensorDictModule(Scores(width), ["observation", "action_mask"], ["logits", "mask"])
    actor = ProbabilisticActor(
        scores, in_keys=["logits", "mask"], distribution_class=MaskedCategorical, return_log_prob=True
    )
    critic = ValueOperator(Value(width), in_keys=["observation"])
    advantage = GAE(gamma=0.0, lmbda=0.0, value_network=critic, average_gae=True)
    loss = ClipPPOLoss(actor, critic, entropy_coeff=0.01)
    optimiser = torch.optim.Adam(loss.parameters(), lr=1e-3)
    collector = Collector(env, actor, frames_per_batch=FRAMES, total_frames=decisions)
    begin, seen = time.perf_counter(), 0
    for data in collector:
        seen += data.numel()
        reward = data["next", "reward"]
        # the first reward of a slot, some hundred times the others, holds the cost of all its tasks
        ordinary = reward.abs() < 20 * reward.abs().median().clamp(min=1e-6)
        data["next", "reward"] = SCALE * torch.where(ordinary, reward, 0.0)
        for _ in range(EPOCHS):
            with torch.no_grad():
                advantage(data)
            for batch in data[torch.randperm(len(data))].split(FRAMES // MINIBATCHES):
                values = loss(batch)
                total = sum(values[name] for name in ("loss_objective", "loss_critic", "loss_entropy"))
                optimiser.zero_grad()
                total.backward()
                nn.utils.clip_grad_norm_(loss.parameters(), 0.5)
                optimiser.step()
    collector.shutdown()
    print(f"{seen} decisions in {time.perf_counter() - begin:.0f} s")
    return scores


def chooser(scores):
    """The likeliest legal row."""

    def choose(observation, mask):
        with torch.no_grad():
            logits, legal = scores(torch.as_tensor(observation), torch.as_tensor(mask))
        return int(logits.masked_fill(~legal, -torch.inf).argmax())

    return choose


def main(decisions=50_000, seed=0):
    choose = chooser(train("wang2025", decisions, seed))
    objective = compare("TorchRL PPO", choose, "wang2025", range(5), slots=20)
    assert objective["TorchRL PPO"] < 0.5 * (objective["nearest"] + objective["price"]), "it has learned nothing"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
