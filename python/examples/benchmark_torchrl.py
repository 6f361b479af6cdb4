"""PPO of TorchRL on the open benchmark: ``python benchmark_torchrl.py [decisions] [seed]``.

It is trained in ``hotspot`` as in ``torchrl_ppo.py``, and scored in the tasks whose observations have the same shape: 100
vehicles, 11 RSUs.
"""

import sys

from torchrl_ppo import chooser, train

import wayside

TASKS = ["slot-100", "hotspot", "balanced-100", "radio"]


def main(decisions=100_000, seed=0):
    policy = wayside.GymPolicy(chooser(train("hotspot", decisions, seed)), form="sequential", name="TorchRL PPO")
    card = wayside.benchmark([policy, "nearest", "least-total", "ppo", "price"], tasks=TASKS)
    print(card)
    return card


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
