"""What the examples share: their policies beside those that come with Wayside, on the same traffic."""

from collections.abc import Callable, Iterable

import gymnasium
import numpy as np

import wayside


def play(choose: Callable, scenario: str, seeds: Iterable[int], slots: int) -> np.ndarray:
    """Mean objective of every seed, actions of ``choose(observation, mask)``."""
    env = gymnasium.make("wayside/Offloading-v0", scenario=scenario, form="sequential", slots=slots)
    means = []
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        objectives, over = [], False
        while not over:
            action = choose(observation, env.unwrapped.action_masks())
            observation, _, _, over, info = env.step(action)
            if info["slot_ended"]:
                objectives.append(info["objective"])
        means.append(np.mean(objectives))
    env.close()
    return np.array(means)


def compare(
    name: str, choose: Callable, scenario: str, seeds: Iterable[int], slots: int
) -> dict[str, float]:
    """Prints the objective J of every policy and its gap to the certified bound; the objectives."""
    seeds = list(seeds)
    # "ppo" is what `wayside train ppo wang2025` left
    others = ["nearest", "ppo", "price"]
    results = wayside.run(scenario, others, seeds=seeds, slots=slots, bound="split")
    bound = results.metric("price", "lower_bound")["mean"]
    objective = {name: float(np.mean(play(choose, scenario, seeds, slots)))}
    objective |= {other: results.metric(other, "objective")["mean"] for other in others}
    print(f"{scenario}, seeds {seeds[0]}..{seeds[-1]}, {slots} slots each")
    for policy, value in objective.items():
        print(f"  {policy:12}  J {value:.6f}   above the bound {100 * (value / bound - 1):7.3f} %")
    print(f"  {'the bound':12}  J {bound:.6f}")
    return objective | {"bound": bound}
