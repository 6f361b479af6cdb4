"""Steps a second of the environments, random masked actions. ``python python/benches/steps.py [steps]``"""

import resource
import sys
import time

import gymnasium
import numpy as np

import wayside  # noqa: F401
from wayside.masks import MaskedSampler


def rate(env, steps, form):
    """Steps of single environments by second of wall and CPU time; growth of the memory [MiB]."""
    vector = getattr(env, "num_envs", None)
    inner = env.unwrapped
    sampler, rng = MaskedSampler(inner._env.nvec), np.random.default_rng(0)
    env.reset(seed=0)

    def go(count):
        for _ in range(count):
            action = sampler.sample(inner.action_masks(), rng)
            if form == "sequential":
                action = action[..., 0] if vector else int(action[0])
            *_, truncated, _ = env.step(action)
            if not vector and truncated:
                env.reset()

    count = steps // (vector or 1)
    go(count // 10)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    go(count)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    done = count * (vector or 1)
    name = f"vector({vector})" if vector else "single"
    print(
        f"{form:10} {name:9} {done / wall:9.0f} steps/s wall, {done / cpu:9.0f} steps/s CPU, "
        f"{done} steps, {memory:+.1f} MiB"
    )
    env.close()


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for form in ("flat", "shared", "sequential"):
        rate(gymnasium.make("wayside/Offloading-v0", form=form), steps, form)
        vector = gymnasium.make_vec(
            "wayside/Offloading-v0", num_envs=8, vectorization_mode="vector_entry_point", form=form
        )
        rate(vector, steps, form)


main()
