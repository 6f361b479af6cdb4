"""The benchmark, and the evaluator that checks its records without the engine."""

import copy
import gzip
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wayside

EVALUATOR = Path(__file__).parents[2] / "benchmark" / "evaluate.py"
TASKS = [
    "slot-20",
    "balanced-40",
    "coupled-25",
    "radio",
    "city-streets",
    "highway",
    "batch",
    "batch-cloud",
    "stale",
]


def _evaluator():
    spec = importlib.util.spec_from_file_location("evaluate", EVALUATOR)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


evaluate = _evaluator()


class Mine:
    """Every other task to the nearest RSU."""

    name = "mine"

    def decide(self, slot):
        start, rsu = slot.coverage["start"], slot.coverage["rsu"]
        placements = np.full((len(slot.tasks["cycles"]), 2), wayside.NOWHERE)
        for task, vehicle in enumerate(slot.tasks["vehicle"]):
            if task % 2 == 0 and start[vehicle] < start[vehicle + 1]:
                placements[task] = rsu[start[vehicle]]
        return placements


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """The folder of a score card with records, and the card."""
    folder = tmp_path_factory.mktemp("card") / "card"
    policies = ["price", "plan-ahead", "ect-cloud", "session-plan", "lazy-follow", Mine]
    return folder, wayside.benchmark(policies, tasks=TASKS, quick=True, out=folder, record=True, timing=False)


def problems_of(folder):
    problems = evaluate.Problems()
    evaluate.evaluate(folder, problems)
    return problems


def test_oracle_the_evaluator_agrees_on_every_task(card):
    folder, _ = card
    problems = problems_of(folder)
    assert problems.found == []
    assert problems.compared > 100_000
    assert problems.worst < 1e-9
    run = subprocess.run([sys.executable, EVALUATOR, folder, "--against", folder], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert "all agrees" in run.stdout


def test_property_who_cannot_play_is_not_scored(card):
    _, scores = card
    assert scores.gap("session-plan", "slot-20") is None
    assert "sessions" in scores.result("session-plan", "slot-20")["unplayable"]
    assert "cloud" in scores.result("ect-cloud", "batch")["unplayable"]
    assert scores.gap("ect-cloud", "batch-cloud") >= 0
    assert 0 <= scores.gap("price", "slot-20") < scores.gap("mine", "slot-20")
    assert all(entry["score"] is None for entry in scores.data["entries"])
    assert "not played" in str(scores) and "<table>" in scores._repr_html_()


def test_property_threads_change_no_byte(card, tmp_path):
    folder, _ = card
    again = tmp_path / "again"
    policies = ["price", "plan-ahead", "ect-cloud", "session-plan", "lazy-follow", Mine]
    wayside.benchmark(policies, tasks=TASKS, quick=True, out=again, record=True, timing=False, threads=1)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    for name in names:
        if name.name != "manifest.json":
            assert (folder / name).read_bytes() == (again / name).read_bytes(), name


def test_property_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match="slot-20"):
        wayside.benchmark("price", tasks=["slot-21"])
    with pytest.raises(ValueError, match="twice"):
        wayside.benchmark(["price", "price"], tasks=["slot-20"])

    class Fails:
        def decide(self, slot):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        wayside.benchmark(Fails, tasks=["slot-20"], quick=True)


# Planted errors: what is changed in a record or in the card, and the kind of problem that has to be found.


def decisions(lines):
    return [line for line in lines if "decision" in line]


def a_placement(lines, suits=lambda placement: placement["mode"] == "rsu"):
    """The first placement that suits, with its line."""
    for line in decisions(lines):
        for placement in line["decision"]["placements"]:
            if suits(placement):
                return line, placement
    raise AssertionError("no placement suits")


def capacity(lines):
    line, placement = a_placement(lines)
    placement["cpu_hz"] = 2 * next(r["cpu_hz"] for r in line["slot"]["rsus"] if r["id"] == placement["execution"])


def coverage(lines):
    line, placement = a_placement(lines)
    vehicle = next(task["vehicle"] for task in line["slot"]["tasks"] if task["id"] == placement["task"])
    near = evaluate.Slot(line["slot"]).coverage(vehicle)
    placement["entry"] = next(rsu["id"] for rsu in line["slot"]["rsus"] if rsu["id"] not in near)


def reach(lines):
    line, placement = a_placement(lines)
    line["slot"]["max_hops"] = 0
    placement["execution"] = next(r["id"] for r in line["slot"]["rsus"] if r["id"] != placement["entry"])


def path(lines):
    _, placement = a_placement(lines, lambda p: len(p["path"]) > 2)
    del placement["path"][1]


def delay(lines):
    a_placement(lines)[1]["delay_parts_s"]["upload"] *= 1.000001


def energy(lines):
    a_placement(lines)[1]["energy_j"] *= 0.999999


def deadline(lines):
    placement = a_placement(lines)[1]
    placement["deadline_met"] = not placement["deadline_met"]


def left_out(lines):
    decisions(lines)[0]["decision"]["placements"].pop()


def twice(lines):
    placements = decisions(lines)[0]["decision"]["placements"]
    placements[0] = copy.deepcopy(placements[1])


def load(lines):
    decisions(lines)[0]["decision"]["loads"][0] += 1e-6


def lbm(lines):
    decisions(lines)[0]["decision"]["lbm"] *= 0.99


def tau(lines):
    decisions(lines)[-1]["slot"]["load_balance"]["tau"] *= 1.01


def balance(lines):
    _, placement = a_placement(lines)
    placement["cpu_hz"] *= 10


def missing_slot(lines):
    lines.remove(decisions(lines)[-1])


def forgotten_cpu(lines):
    line = next(x for x in decisions(lines)[1:] if any(r["reserved_cpu_hz"] for r in x["slot"]["rsus"]))
    for rsu in line["slot"]["rsus"]:
        rsu["reserved_cpu_hz"] = 0.0


def no_wait(lines):
    ended = [line["ended"]["outcome"] for line in lines if "ended" in line]
    outcome = max(ended, key=lambda outcome: outcome["delay_parts_s"]["wait"])
    outcome["delay_s"] -= outcome["delay_parts_s"]["wait"]
    outcome["delay_parts_s"]["wait"] = 0.0


def free_core(lines):
    for rsu in decisions(lines)[-1]["slot"]["rsus"]:
        rsu["core_free_s"] = [0.0] * rsu["cores"]


def lost_outcome(lines):
    lines.remove(next(line for line in lines if "ended" in line))


def jump(lines):
    line, placement = a_placement(lines, lambda p: p["mode"] == "rsu" and not p["session"]["ordered_to"])
    other = next(r["id"] for r in line["slot"]["rsus"] if r["id"] != placement["session"]["host"])
    placement["session"]["host"] = other


def free_move(lines):
    _, placement = a_placement(lines, lambda p: p["session"]["ordered_to"])
    placement["session"]["moved_bytes"] /= 2


def no_cloud(lines):
    for line in decisions(lines):
        del line["slot"]["cloud"]


PLANTED = [
    ("slot-20.price", capacity, "capacity"),
    ("slot-20.price", coverage, "coverage"),
    ("slot-20.price", reach, "reach"),
    ("city-streets.price", path, "path"),
    ("slot-20.price", delay, "delay"),
    ("radio.price", energy, "energy"),
    ("coupled-25.price", deadline, "deadline"),
    ("slot-20.price", left_out, "task"),
    ("slot-20.price", twice, "task"),
    ("balanced-40.price", load, "load"),
    ("balanced-40.price", lbm, "lbm"),
    ("balanced-40.price", tau, "tau"),
    ("balanced-40.price", balance, "balance"),
    ("slot-20.price", missing_slot, "slots"),
    ("coupled-25.plan-ahead", forgotten_cpu, "held"),
    ("stale.price", no_wait, "delay"),
    ("stale.price", free_core, "queue"),
    ("batch.price", lost_outcome, "task"),
    ("batch.price", coverage, "coverage"),
    ("highway.session-plan", jump, "session"),
    ("highway.session-plan", free_move, "session"),
    ("batch-cloud.ect-cloud", no_cloud, "cloud"),
]


def copied(folder, to, name):
    """The card in `to`, with one record only."""
    (to / "records").mkdir(parents=True)
    shutil.copy(folder / "records" / name, to / "records" / name)
    card = json.loads((folder / "score.json").read_text())
    task, policy, seed = name.removesuffix(".jsonl.gz").split(".")
    card["tasks"] = [x | {"seeds": [int(seed.removeprefix("seed"))]} for x in card["tasks"] if x["task"] == task]
    entries = [entry for entry in card["entries"] if entry["policy"] == policy]
    for entry in entries:
        entry["results"] = [result for result in entry["results"] if result["task"] == task]
        for result in entry["results"]:
            result["by_seed"] = [x for x in result["by_seed"] if f"seed{x['seed']}" == seed]
            for metric in ["gap", "on_time", "objective", "lower_bound", "delay_s", "energy_j"]:
                result[metric] = {"mean": result["by_seed"][0][metric], "ci95": None}
        # only a regime of this task alone has been played whole
        gap = entry["results"][0]["gap"]
        for score in entry["regimes"]:
            score["gap"] = gap if list(evaluate.REGIMES[score["regime"]][1]) == [task] else None
        for score in entry["tracks"]:
            score["gap"] = None
    card["entries"], card["complete"] = entries, False
    (to / "score.json").write_text(json.dumps(card))
    return to


@pytest.mark.parametrize(("run", "plant", "kind"), PLANTED, ids=lambda x: getattr(x, "__name__", None))
def test_oracle_planted_errors_are_found(card, tmp_path, run, plant, kind):
    folder, _ = card
    name = f"{run}.seed1000.jsonl.gz"
    one = copied(folder, tmp_path / "one", name)
    assert problems_of(one).found == []
    with gzip.open(one / "records" / name, "rt") as record:
        lines = [json.loads(line) for line in record]
    plant(lines)
    with gzip.open(one / "records" / name, "wt") as record:
        record.writelines(json.dumps(line) + "\n" for line in lines)
    assert kind in {found for found, _, _ in problems_of(one).found}


@pytest.mark.parametrize(
    ("metric", "change", "kind"),
    [
        ("objective", lambda x: x * 0.9999999, "result"),
        ("on_time", lambda x: x - 0.001, "result"),
        ("lower_bound", lambda x: x * 10, "bound"),
        ("gap", lambda x: x / 2, "result"),
    ],
)
def test_oracle_wrong_results_are_found(card, tmp_path, metric, change, kind):
    folder, _ = card
    one = copied(folder, tmp_path / "one", "slot-20.mine.seed1000.jsonl.gz")
    card = json.loads((one / "score.json").read_text())
    seed = card["entries"][0]["results"][0]["by_seed"][0]
    seed[metric] = change(seed[metric])
    (one / "score.json").write_text(json.dumps(card))
    assert kind in {found for found, _, _ in problems_of(one).found}


@pytest.mark.parametrize(
    ("forge", "kind"),
    [
        (lambda card: card["entries"][0].update(score={"mean": -1.0, "ci95": None}), "score"),
        (lambda card: card["entries"][0]["regimes"][4]["gap"].update(mean=1e-4), "score"),
        (lambda card: card["entries"][0]["regimes"][4]["gap"].update(ci95=[0.0, 0.0]), "score"),
        (lambda card: card["entries"][0]["tracks"][0].update(gap={"mean": 1e-4, "ci95": None}), "score"),
        (lambda card: card["entries"][0]["regimes"].pop(), "score"),
        (lambda card: card["entries"][0].update(knows_future=True), "score"),
        (lambda card: card["entries"][0]["results"][0]["gap"].update(ci95=[0.0, 0.0]), "mean"),
        (lambda card: card["entries"].append(copy.deepcopy(card["entries"][0])), "suite"),
        (lambda card: card.update(quick=False), "suite"),
        (lambda card: card.update(seeds_of="tuning"), "suite"),
        (lambda card: card.update(suite="wayside-bench-0"), "suite"),
        (lambda card: card["tasks"][0].update(regime="hotspot"), "suite"),
    ],
)
def test_oracle_forged_headlines_are_found(card, forge, kind):
    folder, _ = card
    forged = json.loads((folder / "score.json").read_text())
    assert forged["entries"][0]["regimes"][4]["regime"] == "radio"
    problems = evaluate.Problems()
    # records are checked by other tests, and take their time
    forge(forged)
    evaluate.check_card(problems, forged)
    for entry in forged["entries"]:
        evaluate.check_scores(problems, entry)
        for result in entry["results"]:
            if result["unplayable"] is None:
                evaluate.check_means(problems, result)
    assert kind in {found for found, _, _ in problems.found}


PYTHONS_WORDS = re.compile(r"Traceback|[a-z]Error|NoneType|subscript|indices|'(str|int|float|list|dict)'|Errno")


def judged(folder, capsys):
    """Exit code and message of the evaluator; the message is for people."""
    code = evaluate.main([str(folder)])
    said = capsys.readouterr().err
    assert not PYTHONS_WORDS.search(said), said
    assert (code == 2) == said.startswith("error: "), said
    return code, said


@pytest.mark.parametrize(
    ("name", "break_it", "message"),
    [
        ("score.json", lambda b: b[: len(b) // 2], "score.json: must be JSON, "),
        ("score.json", lambda b: b"", "score.json: must be JSON, column 1: expecting value"),
        ("score.json", lambda b: b"\xff\xfe", "score.json: must be UTF-8 text"),
        ("score.json", lambda b: b"[" * 100_000, "score.json: must be JSON that nests less"),
        ("score.json", lambda b: b"[]", "score.json: a value is not of the kind"),
        ("score.json", lambda b: b"{}", "score.json: must have 'suite', has none"),
        ("score.json", lambda b: b.replace(b'"by_seed"', b'"seeds"'), "must have 'by_seed', has none"),
        ("score.json", None, "score.json: cannot be read: No such file or directory"),
        ("record", lambda b: b[: len(b) // 2], "must be a whole gzip file, ends or breaks after line"),
        ("record", lambda b: b"{}", "must be a whole gzip file, ends or breaks after line 0"),
        ("record", lambda b: gzip.compress(b""), "is empty"),
        ("record", lambda b: gzip.compress(b'{"track": "shared"'), "line 1: must be JSON, column"),
        ("record", lambda b: gzip.compress(gzip.decompress(b)[:-9]), ": must be JSON, column"),
        ("record", lambda b: gzip.compress(b"null\n"), "a value is not of the kind"),
    ],
)
def test_property_broken_files_are_named_in_words(card, tmp_path, capsys, name, break_it, message):
    folder, _ = card
    record = "slot-20.mine.seed1000.jsonl.gz"
    one = copied(folder, tmp_path / "one", record)
    path = one / name if name == "score.json" else one / "records" / record
    if break_it is None:
        path.unlink()
    else:
        path.write_bytes(break_it(path.read_bytes()))
    code, said = judged(one, capsys)
    assert code == 2 and message in said


def mutated(value, rng):
    """``value`` with one of its parts, at random, taken out or replaced by something else."""
    parts = []

    def walk(holder):
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            parts.append((holder, key))
            if isinstance(holder[key], (dict, list)):
                walk(holder[key])

    walk(value)
    holder, key = parts[rng.integers(len(parts))]
    other = [None, "x", -1, 0, 1e308, float("nan"), True, [], {}, [[]], {"mean": None}]
    choice = int(rng.integers(len(other) + 1))
    if choice == len(other):
        del holder[key]
    else:
        holder[key] = other[choice]
    return value


@pytest.mark.parametrize("run", ["slot-20.mine", "coupled-25.plan-ahead", "highway.session-plan", "batch.price"])
def test_property_no_card_and_no_record_makes_the_evaluator_fail(card, tmp_path, capsys, run):
    """Whatever is sent in: it agrees, or names problems, or says which file cannot be checked."""
    rng, folder = np.random.default_rng(0), card[0]
    name = f"{run}.seed1000.jsonl.gz"
    one = copied(folder, tmp_path / "one", name)
    text, packed = (one / "score.json").read_text(), (one / "records" / name).read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    codes = []
    for _ in range(60):
        (one / "score.json").write_text(json.dumps(mutated(json.loads(text), rng)))
        codes.append(judged(one, capsys)[0])
    (one / "score.json").write_text(text)
    for _ in range(60):
        at = int(rng.integers(min(len(lines), 3)))
        changed = [*lines[:at], json.dumps(mutated(json.loads(lines[at]), rng)), *lines[at + 1 :]]
        (one / "records" / name).write_bytes(gzip.compress("\n".join(changed).encode(), 1))
        codes.append(judged(one, capsys)[0])
    assert {1, 2} <= set(codes) <= {0, 1, 2}


def test_oracle_the_suite_of_the_evaluator_is_that_of_the_program():
    tomllib = pytest.importorskip("tomllib")
    suite = tomllib.loads((EVALUATOR.parents[1] / "crates/study/assets/wayside-bench-1.toml").read_text())
    regimes = {}
    for task in suite["task"]:
        track, tasks = regimes.setdefault(task["regime"], (task["track"], {}))
        assert track == task["track"]
        tasks[task["id"]] = (task["slots"], task["quick_slots"])
    assert (evaluate.SUITE, evaluate.REGIMES) == (suite["name"], regimes)
    seeds = suite["seeds"]
    assert evaluate.QUICK_SEEDS == seeds["quick_count"]
    for kind, expected in evaluate.SEEDS.items():
        first = seeds[f"{kind}_first"]
        assert expected == range(first, first + seeds[f"{kind}_count"])


def test_oracle_other_traffic_is_found(card, tmp_path):
    folder, _ = card
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    name = "slot-20.mine.seed1000.jsonl.gz"
    with gzip.open(other / "records" / name, "rt") as record:
        lines = [json.loads(line) for line in record]
    decisions(lines)[0]["slot"]["vehicles"][0]["x_m"] += 1e-6
    with gzip.open(other / "records" / name, "wt") as record:
        record.writelines(json.dumps(line) + "\n" for line in lines)
    assert "traffic" in {found for found, _, _ in problems_of(other).found}


PROGRAM = """
import json, sys
for line in sys.stdin:
    slot = json.loads(line)
    rows = [{"task": task["id"], "mode": "local"} for task in slot["tasks"]]
    print(json.dumps({"placements": rows}), flush=True)
"""


@pytest.mark.skipif("WAYSIDE_BIN" not in os.environ, reason="WAYSIDE_BIN names no program")
def test_oracle_a_command_equals_the_policy_that_it_copies(tmp_path):
    program = tmp_path / "all local.py"
    program.write_text(PROGRAM)
    out = tmp_path / "card"
    command = f"'{Path(sys.executable).as_posix()}' '{program.as_posix()}'"
    tasks = "slot-20,coupled-25,highway,batch,stale"
    line = [os.environ["WAYSIDE_BIN"], "benchmark", "--policy", "local", "--policy-command", command]
    line += ["--tasks", tasks, "--quick", "--out", str(out), "--record", "--no-timing", "-q"]
    subprocess.run(line, check=True, capture_output=True)
    card = json.loads((out / "score.json").read_text())
    local, own = card["entries"]
    assert own["policy"] == "command"
    for ours, theirs in zip(local["results"], own["results"], strict=True):
        if ours["unplayable"] is None and theirs["unplayable"] is None:
            assert ours == theirs
    played = {result["task"] for result in own["results"] if result["unplayable"] is None}
    assert played == {"slot-20", "coupled-25", "highway", "batch"}
    assert "true queues" in own["results"][-1]["unplayable"]
    assert problems_of(out).found == []


@pytest.mark.skipif("WAYSIDE_BIN" not in os.environ, reason="WAYSIDE_BIN names no program")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('{}', flush=True)", "missing field `placements`"),
        ("import sys; sys.exit('no good')", "no good"),
        ("import time; time.sleep(60)", "took longer than 1 s"),
        ('print(\'{"placements": []}\', flush=True)', "nothing for t0"),
        ('print(\'{"placements": [{"task": "x", "mode": "local"}]}\', flush=True)', 'unknown task "x"'),
        ("print('', flush=True); import time; time.sleep(60)", "more than one line for a slot"),
        # at the second slot, and after the last one
        (PROGRAM.replace("flush=True)", 'end="\\n\\n", flush=True)'), "more than one line for a slot"),
        (PROGRAM + "print('bye', flush=True)\n", "more than one line for a slot"),
    ],
)
def test_property_a_command_that_fails_says_how(tmp_path, code, message):
    program = tmp_path / "program.py"
    program.write_text(code)
    command = f"'{Path(sys.executable).as_posix()}' '{program.as_posix()}'"
    line = [os.environ["WAYSIDE_BIN"], "benchmark", "--policy-command", command]
    line += ["--tasks", "slot-20", "--quick", "--time-limit", "1", "-q"]
    run = subprocess.run(line, capture_output=True, text=True)
    assert run.returncode == 2
    assert message in run.stderr
