"""What the trained agents of the first paper cost with other constants: draws from the ranges of search.py, at N = 100.

    wayside train ppo|ac wang2025 --option agent=paper --seed 0 --out DIR/ppo|ac
    WAYSIDE=wayside python3 studies/calibration/agents.py DIR 200 > studies/calibration/agents.csv

Both agents were trained once, with the constants that wang2025 had until 2026-11-29 (1 Gb/s, -104 dBm), which are also the first row of agents.csv, and are not trained again: what they learn (an even, fixed choice of RSUs) depends little on them. 40 seeds from 100 on,
two slots each. The first rows change one constant.
"""
import csv, io, math, os, random, subprocess, sys

RANGES = {
    "objective.omega": (0.4, 0.85, 0), "fleet.energy_coeff": (1e-26, 4e-26, 1), "rsu_default.energy_coeff": (5e-29, 1e-27, 1),
    "fleet.tx_power_w": (0.1, 1.0, 1), "channel.noise_dbm": (-114.0, -94.0, 0), "channel.pathloss_db_per_decade": (25.0, 40.0, 0),
    "backhaul.rate_bps": (5e8, 1e11, 1), "backhaul.migration_power_w": (0.1, 2.0, 1), "load_balance.delta": (0.02, 0.15, 0),
    "load_balance.alpha": (0.0, 1.0, 0), "policy.greedy.quota": (0.5, 0.9, 0),
}
ONE = [{}, {"backhaul.rate_bps": 1e10}, {"backhaul.rate_bps": 1e11}, {"load_balance.delta": 0.1}, {"load_balance.alpha": 0.0},
       {"rsu_default.energy_coeff": 2e-28}, {"channel.noise_dbm": -106.0}]
folder, draws = sys.argv[1], int(sys.argv[2])
agents = [f"{folder}/{name}/policy.safetensors" for name in ("ppo", "ac")]
policies = [*agents, "random", "greedy-computation", "greedy-data", "nearest", "price"]
names = ["ppo", "ac", "random", "gc", "gd", "nearest", "price"]


def ask(sets):
    command = [os.environ.get("WAYSIDE", "wayside"), "run", "wang2025", "--seeds", "100..139", "--slots", "2", "--policy", ",".join(policies),
               "--no-timing", "--threads", "1", "--quiet", "--format", "csv"]
    for key, value in sets.items():
        command += ["--set", f"{key}={value:.6g}"]
    rows = csv.DictReader(io.StringIO(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    return [(float(row["objective"]), float(row["delay_s"])) for row in rows]


stream = random.Random(12)
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow([*RANGES, *(f"{m}_{name}" for name in names for m in "JT")])
for i in range(len(ONE) + draws):
    sets = ONE[i] if i < len(ONE) else {
        key: math.exp(stream.uniform(math.log(low), math.log(high))) if log else stream.uniform(low, high)
        for key, (low, high, log) in RANGES.items()}
    out.writerow([*(f"{sets[key]:.6g}" if key in sets else "" for key in RANGES), *(f"{x:.5f}" for pair in ask(sets) for x in pair)])
    sys.stdout.flush()
