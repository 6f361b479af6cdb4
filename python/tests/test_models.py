"""Mobility, tasks, gains and metrics of the caller's own."""

import copy
import pickle

import numpy as np
import pyarrow
import pytest

import wayside
from wayside import TableTraffic
from wayside.env import OffloadingEnv

SMALL = {"fleet.size": 6, "time.slots": 4}


class Platoon:
    """Ten vehicles, 20 m apart, at 25 m/s along the x axis; one task of each, the same always."""

    def positions(self, time_s):
        return {"x_m": 300.0 + 25.0 * time_s + 20.0 * np.arange(10), "y_m": np.full(10, 200.0)}

    def tasks(self, slot):
        count = len(slot.vehicles["x_m"])
        same = np.ones(count)
        return {"vehicle": np.arange(count), "cycles": 3e8 * same, "data_bits": 1e6 * same, "deadline_s": 0.5 * same}


def run(policies=("nearest", "price"), **options):
    return wayside.run("wang2025", policies, **{"seeds": [0, 1], "overrides": SMALL, "timing": False, **options})


def test_closed_form_vehicles_and_tasks_are_those_of_the_caller():
    seen = []

    class Look:
        def decide(self, slot):
            seen.append((slot.now_s, slot.vehicles["x_m"].copy(), dict(slot.tasks)))
            return np.full((len(slot.tasks["vehicle"]), 2), wayside.NOWHERE)

    results = run(Look, seeds=[0], traffic=Platoon)
    assert len(seen) == 4
    for now_s, x_m, tasks in seen:
        np.testing.assert_array_equal(x_m, 300.0 + 25.0 * now_s + 20.0 * np.arange(10))
        assert (tasks["cycles"] == 3e8).all() and (tasks["data_bits"] == 1e6).all()
    assert (results.slots.columns()["tasks"] == 10).all()


@pytest.mark.parametrize("kind", ["arrow", "mapping"])
def test_oracle_tables_are_the_object_that_wrote_them(kind):
    platoon, rows = Platoon(), {name: [] for name in ("slot", "id", "x_m", "y_m")}
    tasks = {name: [] for name in ("slot", "vehicle", "cycles", "data_bits", "deadline_s")}
    slot_s = wayside.Scenario("wang2025").time.slot_s
    for slot in range(4):
        where = platoon.positions(slot * slot_s)
        rows["slot"] += [slot] * 10
        rows["id"] += range(10)
        rows["x_m"] += where["x_m"].tolist()
        rows["y_m"] += where["y_m"].tolist()
        tasks["slot"] += [slot] * 10
        tasks["vehicle"] += range(10)
        for name, value in [("cycles", 3e8), ("data_bits", 1e6), ("deadline_s", 0.5)]:
            tasks[name] += [value] * 10
    made = pyarrow.table if kind == "arrow" else dict
    tables = TableTraffic(positions=made(rows), tasks=made(tasks), slot_s=slot_s)
    ours, theirs = run(traffic=tables), run(traffic=Platoon)
    for name, column in ours.slots.columns().items():
        np.testing.assert_array_equal(column, theirs.slots.columns()[name])
    with pytest.raises(ValueError, match="must have a column deadline_s"):
        TableTraffic(tasks={"slot": [0], "vehicle": [0], "cycles": [1.0], "data_bits": [1.0]})


def test_oracle_gains_of_log_distance_are_those_of_the_engine():
    """The formula of docs/model.md, computed here, finds what the engine finds."""
    channel = wayside.Scenario("wang2025").channel

    class LogDistance:
        def gains_db(self, slot):
            dx = slot.vehicles["x_m"][:, None] - slot.rsus["x_m"]
            dy = slot.vehicles["y_m"][:, None] - slot.rsus["y_m"]
            distance_km = np.sqrt(dx**2 + dy**2 + channel.antenna_height_m**2) / 1000
            return -(channel.pathloss_db_at_1km + channel.pathloss_db_per_decade * np.log10(distance_km))

    ours, theirs = run(traffic=LogDistance()), run()
    for name in ("objective", "delay_s", "energy_j"):
        np.testing.assert_allclose(ours.slots.columns()[name], theirs.slots.columns()[name], rtol=1e-9)

    class Nothing:
        def gains_db(self, slot):
            return np.full((len(slot.vehicles["x_m"]), len(slot.rsu_ids)), -np.inf)

    assert run("nearest", traffic=Nothing).metric("nearest", "offloaded")["mean"] == 0.0


def test_property_every_seed_has_its_own_object():
    class Seeded:
        def __init__(self, seed):
            self.rng = np.random.default_rng(seed)

        def positions(self, time_s):
            # one object makes vehicles and tasks
            self.count = int(self.rng.integers(3, 9))
            return {"x_m": self.rng.uniform(100, 900, self.count), "y_m": self.rng.uniform(100, 900, self.count)}

        def tasks(self, slot):
            assert len(slot.vehicles["x_m"]) == self.count
            one = np.ones(self.count)
            return {"vehicle": np.arange(self.count), "cycles": 3e8 * one, "data_bits": 1e6 * one, "deadline_s": one}

    results = [run(traffic=Seeded, seeds=range(6), threads=threads) for threads in (1, 2)]
    for name, column in results[0].slots.columns().items():
        np.testing.assert_array_equal(column, results[1].slots.columns()[name])
    assert len(set(results[0].slots.columns()["tasks"])) > 2


def test_oracle_an_environment_and_a_run_meet_the_same_models():
    env = OffloadingEnv("wang2025", "flat", overrides={**SMALL, "fleet.size": 10}, traffic=Platoon)
    env.reset(seed=0)
    costs, over = [], False
    while not over:
        other = copy.deepcopy(env) if not costs else pickle.loads(pickle.dumps(env))
        action = env.expert_action("price")
        _, reward, _, over, info = env.step(action)
        assert other.step(action)[1] == reward
        costs.append(info["objective"])
    results = run("price", seeds=[0], overrides={**SMALL, "fleet.size": 10}, traffic=Platoon)
    np.testing.assert_allclose(costs, results.slots.columns()["objective"], rtol=1e-12)
    with pytest.raises(ValueError, match="options: must be left out with traffic of your own"):
        env.reset(options={"overrides": {"fleet.size": 3}})


@pytest.mark.parametrize(
    ("method", "said", "error", "text"),
    [
        ("tasks", {"vehicle": [0]}, ValueError, "cycles: must be a column"),
        ("tasks", {"vehicle": [0], "cycles": [1e8], "data_bits": [1e6], "deadline_s": [-1.0]}, ValueError, r"deadline_s\[0\]: must be > 0, got -1"),
        ("tasks", {"vehicle": [99], "cycles": [1e8], "data_bits": [1e6], "deadline_s": [1.0]}, ValueError, "must be a row of 6 vehicles, got 99"),
        ("tasks", {"vehicle": [1, 0], "cycles": [1e8] * 2, "data_bits": [1e6] * 2, "deadline_s": [1.0] * 2}, ValueError, "must not be below"),
        ("tasks", {"vehicle": [0], "cycles": [1e8] * 2, "data_bits": [1e6], "deadline_s": [1.0]}, ValueError, "one per task, got 2"),
        ("tasks", {"vehicle": [0.5], "cycles": [1e8], "data_bits": [1e6], "deadline_s": [1.0]}, TypeError, "int64 numbers, got float64"),
        ("gains_db", np.zeros((2, 2)), ValueError, "a row per vehicle, got 4"),
        ("gains_db", np.full((6, 12), np.nan), ValueError, "must be numbers|a row per vehicle"),
        ("positions", {"x_m": [1.0]}, ValueError, "y_m: must be a column"),
        ("positions", {"x_m": [1.0], "y_m": [np.nan]}, ValueError, "must be numbers"),
        ("positions", {"id": [3, 3], "x_m": [1.0, 2.0], "y_m": [1.0, 2.0]}, ValueError, "every one there once"),
    ],
)
def test_property_wrong_models_are_named(method, said, error, text):
    model = type("Wrong", (), {method: lambda self, _: said})
    with pytest.raises(error, match=text.replace("\\\\\\\\", "\\\\")):
        run("local", seeds=[0], traffic=model)
    with pytest.raises(error, match=text.replace("\\\\\\\\", "\\\\")):
        OffloadingEnv("wang2025", "sequential", overrides=SMALL, traffic=model).reset(seed=0)


def test_property_exceptions_of_models_arrive_as_they_are():
    class OwnError(Exception):
        pass

    def fail(self, _):
        raise OwnError("no map")

    for method in ("positions", "tasks", "gains_db"):
        with pytest.raises(OwnError, match="no map"):
            run("local", traffic=type("Broken", (), {method: fail}))
    with pytest.raises(TypeError, match="traffic: must have a method positions, gains_db, tasks"):
        run("local", traffic=object())
    with pytest.raises(ValueError, match="tasks: must be left out for sessions"):
        wayside.run("highway", "never-move", traffic=Platoon)


def test_oracle_metrics_are_measured_in_every_slot():
    def far(slot, outcome):
        """Share of tasks that are executed elsewhere than they enter."""
        return float((outcome["placements"][:, 0] != outcome["placements"][:, 1]).mean())

    def cost(slot, outcome):
        return outcome["cost"].mean()

    results = run(bound="split", metrics={"far": far, "cost": cost})
    slots, metrics = results.slots.columns(), results.metrics
    for name in ("seed", "policy", "slot"):
        np.testing.assert_array_equal(metrics[name], slots[name])
    np.testing.assert_allclose(metrics["cost"], slots["objective"], rtol=1e-12)
    np.testing.assert_allclose(metrics["far"], slots["migrated"] / slots["tasks"])
    with pytest.raises(ValueError, match="metrics: must be given"):
        _ = run().metrics
    with pytest.raises(TypeError, match="metrics: far: must return a number"):
        run(metrics={"far": lambda slot, outcome: "much"})
    with pytest.raises(ZeroDivisionError):
        run(metrics={"far": lambda slot, outcome: 1 / 0})
    with pytest.raises(ValueError, match="metrics: must be left out where tasks queue"):
        wayside.run("lin2025", "ect", metrics={"far": far})
