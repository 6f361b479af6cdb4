"""Behaviour cloning: a network learns from recorded decisions alone. ``python behaviour_cloning.py [episodes]``.

``pip install wayside[rl,data]``. ``wayside.record`` plays ``price``, which considers all tasks of a slot together, and keeps what
the environment showed and which action said its placements. The network of ``policy_gradient.py`` then learns to
choose them: cross-entropy, whose gradient is that of the policy gradient with the same advantage everywhere. NumPy is enough.
"""

import os
import sys
import tempfile

import numpy as np
from compare import compare
from policy_gradient import Network

import wayside

SCENARIO = "wang2025"
EPOCHS, BATCH = 6, 256


def recorded(episodes):
    """Rows, masks and actions of ``episodes`` seeds that no comparison uses."""
    seeds = range(1_000_000, 1_000_000 + episodes)
    data = wayside.record("price", "wayside/price-v0", SCENARIO, "sequential", seeds=seeds, slots=10)
    columns = [(e.observations[:-1], e.infos["action_mask"][:-1] > 0, e.actions) for e in data]
    return [np.concatenate(column) for column in zip(*columns, strict=True)]


def main(episodes=20):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MINARI_DATASETS_PATH"] = folder
        rows, mask, action = recorded(episodes)
    rng = np.random.default_rng(0)
    network = Network(rows.shape[-1], rng)

    def agreement():
        return f"{100 * (network.policy(rows, mask).argmax(axis=1) == action).mean():.1f} % of {len(action)} decisions as recorded"

    print(f"before:  {agreement()}")
    for epoch in range(EPOCHS):
        order = rng.permutation(len(action))
        for batch in np.split(order, range(BATCH, len(order), BATCH)):
            network.learn(rows[batch], mask[batch], action[batch], np.ones(len(batch)))
        print(f"epoch {epoch + 1}: {agreement()}")

    def choose(observation, mask):
        return int(network.policy(observation, mask).argmax())

    objective = compare("cloned", choose, SCENARIO, range(5), slots=10)
    assert objective["cloned"] < 0.5 * (objective["nearest"] + objective["price"]), "it has learned nothing"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
