"""Counts, for every claim of Figs. 13 to 15, the draws of lin2025-drawn.toml in which the means compare as claimed, and the claims that no draw meets together.

    python3 -m pip install pyarrow
    wayside study studies/calibration/lin2025-drawn.toml --out DIR
    python3 studies/calibration/together.py DIR > studies/calibration/lin2025-drawn.csv

The first rows are claims (`within` allows 1 % of the other policy's mean), the others pairs of claims that fewer than one draw in twenty meets, though each is met by more.
"""
import csv, sys
from collections import defaultdict
import pyarrow.parquet as parquet

NUM, CAP = (20, 30, 40, 50), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
sums = defaultdict(lambda: [0.0, 0.0, 0.0, 0])
columns = ["values", "policy", "total_delay_s", "delay_s", "on_time"]
for row in parquet.read_table(sys.argv[1] + "/results.parquet", columns=columns).to_pylist():
    num, cap, draw = (float(part.split()[1]) for part in row["values"].split(", "))
    entry = sums[int(draw), row["policy"], int(num), cap]
    for i, metric in enumerate(columns[2:]):
        entry[i] += row[metric]
    entry[3] += 1
draws = sorted({key[0] for key in sums})
TOTAL, DELAY, SUCCESS = 0, 1, 2


def mean(draw, policy, metric, num, cap):
    entry = sums[draw, policy, num, cap]
    return entry[metric] / entry[3]


def below(policy, than, metric, caps, nums=NUM, strict=False):
    def holds(draw, slack):
        pairs = [(mean(draw, policy, metric, n, c), mean(draw, than, metric, n, c)) for n in nums for c in caps]
        return all(a < b if strict and not slack else a <= b + slack * abs(b) + 1e-12 for a, b in pairs)
    return holds


def value(num, cap, low, high):
    return lambda draw, slack: low <= mean(draw, "mcatm", SUCCESS, num, cap) <= high


def trend(metric, caps, nums, rises):
    def holds(draw, slack):
        runs = ([mean(draw, "mcatm", metric, n, c) for c in caps] for n in nums)
        return all((b > a) == rises and a != b for run in runs for a, b in zip(run, run[1:]))
    return holds


FIG13 = (0.2, 0.4, 0.6, 0.8)
CLAIMS = {
    "fig13.mcatm-ratom": below("mcatm", "ratom", TOTAL, FIG13),
    "fig13.ratom-ratos": below("ratom", "ratos", TOTAL, FIG13),
    "fig13.oesda-lowest": below("oesda", "mcatm", TOTAL, (0.2,), (40, 50), True),
    "fig13.oesda-ratos-below": below("oesda", "ratos", TOTAL, (0.2, 0.4), strict=True),
    "fig13.oesda-ratos-above": below("ratos", "oesda", TOTAL, (0.6, 0.8), strict=True),
    "fig13.rises-with-capability": trend(TOTAL, FIG13, NUM, True),
    "fig14.mcatm-ratom": below("mcatm", "ratom", DELAY, CAP),
    "fig14.mcatm-ratos": below("mcatm", "ratos", DELAY, CAP),
    "fig14.mcatm-oesda": below("mcatm", "oesda", DELAY, CAP[1:]),
    "fig14.falls-with-capability": trend(DELAY, CAP, NUM, False),
    "fig14.oesda-lowest": below("oesda", "mcatm", DELAY, (0.1,), strict=True),
    "fig15.num20": value(20, 0.2, 0.995, 1.0),
    "fig15.num30": value(30, 0.2, 0.8, 1.0),
    "fig15.num40": value(40, 0.3, 0.86, 0.90),
    "fig15.num50": value(50, 0.3, 0.75, 0.79),
    "fig15.mcatm-ratom": below("ratom", "mcatm", SUCCESS, CAP),
    "fig15.ratom-ratos": below("ratos", "ratom", SUCCESS, CAP),
    "fig15.falls-with-capability": trend(SUCCESS, (0.1, 0.2, 0.3, 0.4), (50,), False),
    "fig15.oesda-all": lambda draw, slack: all(mean(draw, "oesda", SUCCESS, n, c) == 1 for n in NUM for c in CAP),
}
met = {name: {d for d in draws if holds(d, 0.0)} for name, holds in CLAIMS.items()}
near = {name: {d for d in draws if holds(d, 0.01)} for name, holds in CLAIMS.items()}
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["claim", "and", "draws", "holds", "within_1_percent"])
for name in CLAIMS:
    out.writerow([name, "", len(draws), len(met[name]), len(near[name])])
names = list(CLAIMS)
for i, a in enumerate(names):
    for b in names[i + 1:]:
        both = len(met[a] & met[b])
        if both < len(draws) / 20 <= min(len(met[a]), len(met[b])):
            out.writerow([a, b, len(draws), both, len(near[a] & near[b])])
counts = {d: sum(d in met[name] for name in names) for d in draws}
best = max(draws, key=lambda d: counts[d])
print(f"best: draw {best} meets {counts[best]} of {len(names)}, not {[n for n in names if best not in met[n]]}", file=sys.stderr)
