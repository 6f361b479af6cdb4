"""Speed of wayside's PPO beside a single-file torch PPO, in turns, so that other work on the machine meets both.

    python crates/learn/benches/beside_torch.py PATH/TO/clean_ppo.py [--rounds 5] [--iterations 4]

Wants Python with torch, numpy and gymnasium, and cargo. Either side counts slots per second of CPU time on one thread,
collecting and learning included, after an iteration to warm up. The other side's environment is numpy for all eight
environments at once, with CPU in equal split; ours is the engine with exact P2. Prints every round, then medians.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys

NETS = {"flat": "mlp", "shared": "shared"}  # ours: theirs
ROOT = pathlib.Path(__file__).resolve().parents[3]


def speed(command: list[str], folder: pathlib.Path) -> float:
    """Slots per second of CPU time that `command` reports."""
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=os.environ | threads, check=True, capture_output=True, text=True
    )
    found = re.search(r"cpu ([\d.]+) steps/cpu-s", done.stdout)
    if found is None:
        sys.exit(f"{command} must report 'cpu N steps/cpu-s', got:\n{done.stdout}{done.stderr}")
    return float(found[1])


def built() -> str:
    """The benchmark's executable."""
    command = ["cargo", "bench", "-p", "wayside-learn", "--bench", "training", "--no-run"]
    done = subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.PIPE, text=True)
    found = re.search(r"Executable .*\((.*)\)", done.stderr)
    if found is None:
        sys.exit(f"cargo must name the executable, got:\n{done.stderr}")
    return str(ROOT / found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=pathlib.Path, help="clean_ppo.py; vec_env.py lies beside it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=4)
    args = parser.parse_args()
    other, count = args.other.resolve(), str(args.iterations)
    bench = built()
    for net, theirs in NETS.items():
        ours, torch = [], []
        for turn in range(args.rounds):
            ours.append(speed([bench, net, "--iterations", count], ROOT))
            torch.append(speed([sys.executable, str(other), "1", theirs, count], other.parent))
            ratio = ours[-1] / torch[-1]
            print(f"{net} round {turn}: {ours[-1]:.0f} / {torch[-1]:.0f} = {ratio:.2f}", flush=True)
        ratios = [a / b for a, b in zip(ours, torch)]
        print(
            f"{net}: wayside {statistics.median(ours):.0f}, torch {statistics.median(torch):.0f} slots/cpu-s; "
            f"ratio, median of {args.rounds} rounds {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
