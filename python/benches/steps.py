"""Steps a second of the environments, random masked actions, and the growth of memory.

``python python/benches/steps.py [steps] [form ...]``; steps are those of single environments, 10^6 for the growth.
The wall figure is also given for the best of many short windows, for a machine that does other things as well.
"""

import os
import sys
import time

import gymnasium
import numpy as np

import wayside  # noqa: F401
from wayside.masks import MaskedSampler

WINDOW = 200
"""Steps that take some milliseconds."""


def resident():
    """Memory of this process [MiB]."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def rate(env, steps, form):
    """Prints steps a second of wall and CPU time, and the memory before and after."""
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

    window = WINDOW // (vector or 1)
    for _ in range(10):
        go(window)
    before = resident()
    done = window * (vector or 1)
    walls, cpus = [], []
    for _ in range(max(1, steps // WINDOW)):
        wall, cpu = time.perf_counter(), time.process_time()
        go(window)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    name = f"vector({vector})" if vector else "single"
    total = done * len(walls)
    print(
        f"{form:10} {name:9} wall {total / sum(walls):7.0f} steps/s, best window {done / min(walls):7.0f}; "
        f"a second of CPU {total / sum(cpus):7.0f}, best window {done / min(cpus):7.0f}; "
        f"{total} steps, {before:.1f} MiB before, {resident():.1f} MiB after",
        flush=True,
    )
    env.close()


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for form in sys.argv[2:] or ("flat", "shared", "sequential"):
        rate(gymnasium.make("wayside/Offloading-v0", form=form), steps, form)
        vector = gymnasium.make_vec(
            "wayside/Offloading-v0", num_envs=8, vectorization_mode="vector_entry_point", form=form
        )
        rate(vector, steps, form)


main()
