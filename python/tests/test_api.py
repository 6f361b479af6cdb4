"""Runs, decisions, scenarios and policies of one's own."""

import json
import os
import pickle
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import wayside
from wayside import CLOUD, NOWHERE, Scenario

SMALL = {"fleet.size": 12}


class Nearest:
    """The policy ``nearest``, in Python."""

    name = "mine"

    def decide(self, slot):
        start, rsu = slot.coverage["start"], slot.coverage["rsu"]
        vehicle = slot.tasks["vehicle"]
        covered = start[vehicle] < start[vehicle + 1]
        nearest = np.append(rsu, NOWHERE)[np.where(covered, start[vehicle], -1)]
        return np.stack([nearest, nearest], axis=1)


def run(policies, **options):
    options = {"seeds": [0, 1], "slots": 6, "overrides": SMALL, "timing": False} | options
    return wayside.run("wang2025", policies, **options)


def test_oracle_the_program_finds_the_same_to_the_last_bit(tmp_path):
    program = os.environ.get("WAYSIDE_BIN")
    if program is None:
        pytest.skip("WAYSIDE_BIN names no program to compare with")
    ours, theirs = tmp_path / "python", tmp_path / "rust"
    policies = ["nearest", "price", "local-search"]
    results = run(policies, bound="split", out=ours, tasks=True, threads=2)
    command = f"{program} run wang2025 --policy {','.join(policies)} --seeds 0..1 --slots 6 --bound=split"
    command += f" --set fleet.size=12 --no-timing --tasks --out {theirs}"
    subprocess.run(command.split(), check=True, capture_output=True)
    for name in ("summary.json", "summary.csv", "slots.parquet", "tasks.parquet"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    table, file = pyarrow.table(results.slots), pyarrow.parquet.read_table(theirs / "slots.parquet")
    assert table.equals(file)
    assert results.slots.column_names == file.column_names
    tasks = pyarrow.parquet.read_table(theirs / "tasks.parquet")
    assert pyarrow.table(results.tasks).equals(tasks)
    # the same without files
    again = run(policies, bound="split", tasks=True)
    assert pyarrow.table(again.tasks).equals(tasks)
    assert len(again.tasks) == tasks.num_rows == 2 * 3 * 6 * 12
    assert results.summary == json.loads((theirs / "summary.json").read_text())


def test_property_arrow_takes_the_table_without_a_copy():
    results = run(["nearest", "price"])
    first, second = pyarrow.table(results.slots), pyarrow.table(results.slots)
    assert first.num_rows == len(results.slots) == 2 * 2 * 6
    addresses = [t["objective"].chunk(0).buffers()[1].address for t in (first, second)]
    assert addresses[0] == addresses[1]
    # it outlives what it came from
    expected = first["objective"].to_pylist()
    del results
    assert second["objective"].to_pylist() == expected
    assert first.schema.field("policy").type == pyarrow.string()
    assert first["lower_bound"].null_count == 24
    assert "decision_time_s" not in first.column_names


def test_oracle_columns_are_those_of_arrow():
    results = run(["nearest", "price"], bound="split", tasks=True)
    for table in (results.slots, results.tasks):
        expected, columns = pyarrow.table(table), table.columns()
        assert list(columns) == table.column_names
        array = np.asarray(table)
        assert array.dtype.names == tuple(columns) and len(array) == len(table)
        for name, values in columns.items():
            wanted = [np.nan if x is None and values.dtype == float else x for x in expected[name].to_pylist()]
            np.testing.assert_array_equal(values, np.array(wanted, dtype=values.dtype))
            np.testing.assert_array_equal(array[name], values)
        assert next(iter(table))["policy"] == columns["policy"][0]


def test_oracle_a_policy_in_python_is_the_same_policy():
    results = run(["nearest", Nearest, "price"], threads=2)
    metric = results.metric("mine", "objective")
    assert metric["mean"] == results.metric("nearest", "objective")["mean"]
    assert metric["difference"]["mean"] == 0.0
    assert run(Nearest()).metric("mine", "objective")["mean"] == metric["mean"]


POLICIES = Path(__file__).parent.parent.parent / "policies"


def test_oracle_trained_policies_run_by_name_and_from_files(tmp_path):
    program = os.environ.get("WAYSIDE_BIN")
    if program is None:
        pytest.skip("WAYSIDE_BIN names no program to compare with")
    file = POLICIES / "ac.safetensors"
    results = run(["price", "ppo", file, "ac"], overrides={})
    command = f"{program} run wang2025 --policy price,ppo,{file},ac --seeds 0..1 --slots 6 --no-timing --format json"
    done = subprocess.run(command.split(), check=True, capture_output=True, text=True)
    assert results.summary == json.loads(done.stdout)
    assert results.metric("ac", "objective")["mean"] == results.metric(str(file), "objective")["mean"]
    # trained or not, it decides one slot
    decision = wayside.decide(SLOT, "ppo")
    assert decision["policy"] == "ppo"
    assert decision == {**wayside.decide(SLOT, "ppo"), "decision_time_s": decision["decision_time_s"]}


def test_property_files_that_hold_no_policy_raise(tmp_path):
    with pytest.raises(OSError, match="none.safetensors"):
        run("none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"x" * 40)
    with pytest.raises(ValueError, match="broken.safetensors"):
        run(broken)


def test_property_every_seed_has_a_policy_of_its_own():
    class Counting(Nearest):
        def __init__(self):
            self.slots = 0

        def decide(self, slot):
            self.slots += 1
            assert self.slots == 1 + round(slot.now_s / slot.slot_s)
            return super().decide(slot)

    run(Counting, threads=2)
    one = Counting()
    run(one, threads=2)
    assert one.slots == 0


def test_property_what_a_policy_sees_is_the_slot():
    seen = []

    class Looking(Nearest):
        def decide(self, slot):
            seen.append(slot)
            return super().decide(slot)

    run(Looking(), seeds=[0], slots=1)
    (slot,) = seen
    assert (slot.now_s, slot.slot_s, slot.omega) == (0.0, 1.0, 0.65)
    assert {len(column) for column in slot.tasks.values()} == {12}
    assert {len(column) for column in slot.vehicles.values()} == {12}
    assert {len(column) for column in slot.rsus.values()} == {len(slot.rsu_ids)} == {11}
    assert len(slot.coverage["rsu"]) == slot.coverage["start"][-1]
    assert set(slot.routes["from"]) == set(range(11))
    assert all(0 <= a < b < 11 for a, b in slot.links)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda n: np.zeros((n, 2)), "12 rows .entry, execution. of integers, got float64"),
        (lambda n: np.full((n, 2), np.nan), "got float64"),
        (lambda n: np.zeros((n - 1, 2), dtype=int), r"got int64 of shape \[11, 2\]"),
        (lambda n: None, "got object"),
        (lambda n: [(99, 99)] * n, r"\[0\]: must be rows of RSUs.*got \(99, 99\)"),
        (lambda n: [(0, CLOUD)] * n, r"got \(0, -2\)"),
        (lambda n: [(0, NOWHERE)] * n, r"got \(0, -1\)"),
        (lambda n: [(0, 0)] * n, "must enter where covered, got RSU 0"),
    ],
)
def test_property_wrong_answers_of_a_policy_raise(answer, text):
    class Wrong:
        def decide(self, slot):
            return answer(len(slot.tasks["cycles"]))

    with pytest.raises(ValueError, match=text):
        run(Wrong, slots=3)


def test_property_exceptions_of_a_policy_arrive_as_they_are():
    class OwnError(Exception):
        pass

    class Raising:
        def decide(self, slot):
            raise OwnError(f"at {slot.now_s}")

    class Refusing(Raising):
        def __init__(self):
            raise OwnError("no")

    with pytest.raises(OwnError, match="at 0.0") as caught:
        run(["price", Raising])
    assert caught.traceback[-1].name == "decide"
    with pytest.raises(OwnError, match="no"):
        run(Refusing)


def test_property_ctrl_c_stops_a_run():
    # a background shell hands down an ignored SIGINT
    signal.signal(signal.SIGINT, signal.default_int_handler)
    begin = time.monotonic()
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        wayside.run("wang2025", "local-search", seeds=range(50), slots=10_000)
    assert time.monotonic() - begin < 10.0
    timer.join()


def test_regress_ctrl_c_does_not_wait_for_a_long_slot():
    class Slow(Nearest):
        def decide(self, slot):
            time.sleep(4.0)
            return super().decide(slot)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    begin = time.monotonic()
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(Slow)
    assert time.monotonic() - begin < 3.0
    timer.join()
    # what the slot leaves behind does not disturb the next run
    run("nearest")


def test_property_errors_have_the_text_of_the_program():
    for use, text in [
        (lambda: Scenario("wang2026"), 'unknown scenario "wang2026", did you mean "wang2025"?'),
        (lambda: Scenario("wang2025", {"fleet.siez": 3}), "fleet.siez"),
        (lambda: Scenario("wang2025", {"fleet.size": -1}), "overrides: fleet.size"),
        (lambda: Scenario.from_toml("[fleet\n", file="x.toml"), "x.toml:1"),
        (lambda: run("nearst"), 'policy: unknown policy "nearst", did you mean "nearest"?'),
        (lambda: run([]), "policies: must name at least one"),
        (lambda: run(["price", "price"]), "policies: price is there twice"),
        (lambda: run("price", seeds=[]), "seeds: must hold at least one"),
        (lambda: run("price", bound="tight"), "bound: must be None, simple, split or horizon, got tight"),
        (lambda: run("price").tasks, "tasks: must be asked for"),
        (lambda: wayside.decide("{}"), "slot"),
        (lambda: wayside.decide({"slot_s": float("nan")}), "slot"),
    ]:
        with pytest.raises(ValueError) as caught:
            use()
        assert text in str(caught.value)
    with pytest.raises(OSError, match="there-is-none.toml"):
        Scenario("there-is-none.toml")
    with pytest.raises(TypeError, match="must be a name, or have a method decide"):
        run([3])


def test_property_errors_have_no_words_of_the_command_line(tmp_path):
    out = tmp_path / "out"
    wayside.run("wang2025", ["nearest"], seeds=[0], overrides={"time.slots": 1}, out=out)
    few = {"tasks": ["slot-100"], "quick": True}
    for use, text in [
        (lambda: Scenario("wang2025", {"fleet.sise": 3}), "overrides: fleet.sise"),
        (lambda: Scenario("wang2025", {"fleet..size": 3}), "overrides: fleet..size"),
        (lambda: wayside.train("ppo", "wang2025", out=tmp_path / "a", learning_rat=3), "options: learning_rat"),
        (lambda: wayside.train("ppo", "wang2025", out=tmp_path / "a", vary=["x"]), "vary: "),
        (lambda: wayside.train("ppo", "wang2025", out=out), "force=True replaces it"),
        (lambda: wayside.benchmark(["nearest"], out=out, **few), "force=True replaces it"),
        (lambda: run("nearest", out=out), "force=True replaces it"),
    ]:
        with pytest.raises(ValueError) as caught:
            use()
        assert text in str(caught.value)
        assert "--" not in str(caught.value)


def test_property_a_folder_with_results_is_not_overwritten(tmp_path):
    run("nearest", out=tmp_path / "out")
    with pytest.raises(ValueError, match="force"):
        run("price", out=tmp_path / "out")
    run("price", out=tmp_path / "out", force=True)
    assert pyarrow.parquet.read_table(tmp_path / "out" / "slots.parquet").num_rows == 12


SLOT = {
    "slot_s": 1.0,
    "objective": {"omega": 0.65},
    "load_balance": {"enforce": False, "tau": 1.0},
    "channel": {
        "noise_dbm": -104,
        "pathloss_db_at_1km": 128.1,
        "pathloss_db_per_decade": 37.6,
        "antenna_height_m": 10,
    },
    "rsus": [
        {
            "id": "r0",
            "x_m": 0,
            "y_m": 0,
            "range_m": 500,
            "bandwidth_hz": 2e7,
            "cpu_hz": 2e10,
            "energy_coeff": 1e-28,
            "reserved_cpu_hz": 0,
        }
    ],
    "links": [],
    "migration_power_w": 0.5,
    "vehicles": [
        {"id": "v0", "x_m": 100, "y_m": 0, "tx_power_w": 0.2, "cpu_hz": 1e9, "energy_coeff": 1e-28}
    ],
    "tasks": [{"id": "t0", "vehicle": "v0", "cycles": 1e9, "data_bits": 1e6, "deadline_s": 1.0}],
}


def test_closed_form_one_task_alone(tmp_path):
    decision = wayside.decide(SLOT, "price", bound="split")
    (placement,) = decision["placements"]
    assert placement["mode"] == "rsu"
    # the share at which omega C / f + (1 - omega) kappa f^2 C is least
    cpu_hz = (0.65 / (2 * 0.35 * 1e-28)) ** (1 / 3)
    assert placement["cpu_hz"] == pytest.approx(cpu_hz)
    assert placement["delay_parts_s"]["compute"] == pytest.approx(1e9 / cpu_hz)
    assert wayside.bound(SLOT) == decision["lower_bound"] <= decision["objective"]
    local = wayside.decide(json.dumps(SLOT), "local")
    assert local["delay_s_mean"] == pytest.approx(1.0)
    path = tmp_path / "slot.json"
    path.write_text(json.dumps(SLOT))
    mine = wayside.decide(path, Nearest)
    assert mine["policy"] == "mine"
    assert mine["placements"][0]["entry"] == "r0"


def test_property_scenarios_are_read_by_attribute_and_replaced():
    scenario = Scenario("wang2025", {"fleet": {"size": 7}})
    assert (scenario.fleet.size, scenario.time.slots, scenario.time["slot_s"]) == (7, 120, 1.0)
    other = scenario.replace(fleet={"size": 9}).replace({"time.slots": 3})
    assert (scenario.fleet.size, other.fleet.size, other.time.slots) == (7, 9, 3)
    assert other != scenario
    assert scenario.replace() == scenario == pickle.loads(pickle.dumps(scenario))
    assert hash(scenario) == hash(scenario.replace())
    with pytest.raises(AttributeError, match="use replace"):
        scenario.fleet.size = 3
    with pytest.raises(AttributeError, match="no key 'siez'"):
        _ = scenario.fleet.siez
    assert set(Scenario.builtin()) >= {"wang2025", "coupled", "hotspot", "lin2025"}
    for name in Scenario.builtin():
        assert Scenario(name).scenario.name == name
    assert {"price", "ppo", "ac"} <= set(wayside.policies())
