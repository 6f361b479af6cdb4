"""Policies of one's own: what they see, answer and are told."""

import numpy as np
import pytest

import wayside
from wayside import CLOUD, NOWHERE, Scenario

SHARED = {"fleet.size": 12, "time.slots": 6}
QUEUES = {"time.slots": 4, "fleet.size": 10, "time.slot_s": 0.1}


def nearest(slot):
    start, rsu = slot.coverage["start"], slot.coverage["rsu"]
    vehicle = slot.tasks["vehicle"]
    covered = start[vehicle] < start[vehicle + 1]
    entry = np.append(rsu, NOWHERE)[np.where(covered, start[vehicle], -1)]
    return np.stack([entry, entry], axis=1)


def run(policies, scenario="wang2025", overrides=SHARED, **options):
    options = {"seeds": [0, 1], "timing": False, **options}
    return wayside.run(scenario, policies, overrides=overrides, **options)


def mean(results, policy, metric="objective"):
    return results.metric(policy, metric)["mean"]


class Random:
    name = "mine"

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def decide(self, slot):
        rows = nearest(slot)
        rows[self.rng.random(len(rows)) < 0.5] = NOWHERE
        return rows


class RandomReset(Random):
    def __init__(self):
        pass

    def reset(self, seed):
        self.rng = np.random.default_rng(seed)


def test_property_a_random_policy_is_reproducible_and_differs_by_seed():
    for policy in (Random, RandomReset, RandomReset()):
        once, again = run(policy, threads=2), run(policy)
        assert once.summary == again.summary
    assert mean(run(Random), "mine") == mean(run(RandomReset), "mine")
    assert mean(run(Random, seeds=[0]), "mine") != mean(run(Random, seeds=[1]), "mine")


def test_property_a_slot_tells_its_seed_and_whether_there_is_a_cloud():
    seen = []

    class Looking:
        def decide(self, slot):
            seen.append((slot.seed, slot.cloud_round_trip_s, slot.queues is None))
            return nearest(slot)

    run(Looking, seeds=[7], slots=1)
    run(Looking, "lin2025", QUEUES, seeds=[8], slots=1)
    assert seen == [(7, None, True), (8, 0.2, False)]


def test_property_queues_are_seen_and_what_a_server_may_know_of_them():
    seen = []

    class Looking:
        def decide(self, slot):
            seen.append(slot)
            return nearest(slot)

    run(Looking, "lin2025", QUEUES, seeds=[0])
    for slot in seen:
        queues, rsus, links = slot.queues, len(slot.rsu_ids), len(slot.network["from"])
        start = queues["core_start"]
        assert start.shape == (rsus + 1,)
        assert queues["core_wait_s"].shape == (start[-1],)
        assert queues["link_wait_s"].shape == slot.network["rate_bps"].shape == (links,)
        for m in range(rsus):
            cores = queues["core_wait_s"][start[m] : start[m + 1]]
            assert queues["wait_s"][m] == cores.min()
            assert queues["busy"][m] == np.count_nonzero(cores)
        assert queues["up"].all()
        own = slot.seen_from(0)
        # a server knows itself as it is, and others as it heard last
        assert own["rsu"][0] == 0 and own["hops"][0] == 0
        assert own["wait_s"][0] == queues["wait_s"][0]
        assert own["idle"][0] == own["cores"][0] - queues["busy"][0]
        assert own["hops"].max() <= 3
        with pytest.raises(ValueError, match="entry: must be an RSU that is the nearest"):
            slot.seen_from(5)
    assert any(slot.queues["waiting"].sum() > 0 for slot in seen[1:])


def test_oracle_paths_of_its_own_take_the_time_of_their_links():
    """Over the direct link, and over a detour: the detour takes as much longer as its links say."""
    told = {}

    class Detour:
        def __init__(self, name, path):
            self.name, self.path = name, path

        def decide(self, slot):
            ids = slot.rsu_ids
            path = [ids.index(name) for name in self.path]
            rows = np.array([[path[0], path[-1]]])
            return {"placements": rows, "paths": [path]}

        def observe(self, outcome):
            told[self.name] = outcome

    one = {"fleet.size": 1, "task.data_bytes": 500e3}
    ways = {"direct": ["local", "n1"], "detour": ["local", "e1", "n1e1", "n1"]}
    run([Detour(name, way) for name, way in ways.items()], "lin2025", one, seeds=[0])
    # links of 1 Gbit/s: store and forward
    link_s = 500e3 * 8 / 1e9
    for name, links in (("direct", 1), ("detour", 3)):
        (migration,) = told[name]["migration_s"]
        assert migration == pytest.approx(links * link_s)


def test_property_none_is_the_shortest_route():
    class Away:
        def __init__(self, paths):
            self.paths, self.name = paths, str(paths)

        def decide(self, slot):
            rows = nearest(slot)
            rows[:, 1] = (rows[:, 0] + 1 + np.arange(len(rows)) % 4) % 5
            return {"placements": rows, "paths": [None] * len(rows)} if self.paths else rows

    results = run([Away(False), Away(True)], "lin2025", QUEUES)
    assert mean(results, "False") == mean(results, "True")


def test_oracle_shares_of_its_own_cost_what_the_formulas_say():
    """Half of the optimum's share: the delay of execution doubles; and the cost is above that of P2."""
    told = {"optimum": [], "half": []}

    class Shares:
        def __init__(self, name, factor):
            self.name, self.factor = name, factor

        def decide(self, slot):
            rows = nearest(slot)
            if self.factor is None:
                return rows
            shares = told["optimum"][round(slot.now_s / slot.slot_s)]["cpu_hz"]
            return {"placements": rows, "cpu_hz": self.factor * shares}

        def observe(self, outcome):
            told[self.name].append(outcome)

    overrides = {**SHARED, "time.slots": 1}
    results = run([Shares("optimum", None), Shares("half", 0.5)], overrides=overrides, seeds=[0], bound="split")
    # objects are copied for every seed, and share what they tell by the name of a global
    (optimum,), (half,) = told["optimum"], told["half"]
    at_rsus = optimum["cpu_hz"] > 0
    assert at_rsus.any()
    np.testing.assert_allclose(half["compute_s"][at_rsus], 2 * optimum["compute_s"][at_rsus])
    assert mean(results, "half") > mean(results, "optimum")


@pytest.mark.parametrize(
    ("scenario", "more", "text"),
    [
        ("wang2025", lambda n: {"paths": [None] * n}, "paths: must be left out where CPU is shared"),
        ("wang2025", lambda n: {"cpu_hz": np.zeros(n)}, r"cpu_hz\[\d+\]: must be > 0"),
        ("wang2025", lambda n: {"cpu_hz": np.full(n, 1e30)}, "cpu_hz: must sum to at most"),
        ("wang2025", lambda n: {"minimum_hz": np.full(n, -1.0)}, r"minimum_hz\[0\]: must be >= 0"),
        ("wang2025", lambda n: {"minimum_hz": np.zeros(n + 1)}, r"minimum_hz: must hold \d+ rows"),
        ("wang2025", lambda n: {"cpu": np.zeros(n)}, "'?\"?cpu\"?'?: must be one of placements, paths, cpu_hz"),
        ("wang2025", lambda n: {"placements": None}, "placements: must be there"),
        ("lin2025", lambda n: {"cpu_hz": np.ones(n)}, "cpu_hz: must be left out where tasks queue"),
        ("lin2025", lambda n: {"minimum_hz": np.ones(n)}, "minimum_hz: must be left out where tasks queue"),
        ("lin2025", lambda n: {"paths": [None]}, "paths: must hold"),
        ("lin2025", lambda n: {"paths": [[0, 5]] * n}, r"paths\[0\]: must lead from RSU 0 to RSU 0"),
    ],
)
def test_property_what_the_model_does_not_allow_raises(scenario, more, text):
    class Wrong:
        def decide(self, slot):
            rows = nearest(slot)
            return {"placements": rows, **more(len(rows))}

    with pytest.raises(ValueError, match=text):
        run(Wrong, scenario, SHARED if scenario == "wang2025" else QUEUES)


def test_property_clouds_and_paths_that_are_not_there_raise():
    class Wrong:
        def __init__(self, answer):
            self.answer = answer

        def decide(self, slot):
            return self.answer(slot, nearest(slot))

    def no_link(slot, rows):
        rows[:, 1] = slot.rsu_ids.index("n2")
        return {"placements": rows, "paths": [[0, int(rows[0, 1])]] * len(rows)}

    with pytest.raises(ValueError, match="must follow links of slot.network"):
        run(Wrong(no_link), "lin2025", QUEUES)
    with pytest.raises(ValueError, match="must enter where covered"):
        run(Wrong(lambda slot, rows: [(5, CLOUD)] * len(rows)), "lin2025", QUEUES)
    with pytest.raises(ValueError, match="for a cloud that is there"):
        run(Wrong(lambda slot, rows: [(0, CLOUD)] * len(rows)))


@pytest.mark.parametrize("scenario", ["wang2025", "lin2025"])
def test_oracle_a_policy_is_told_what_the_records_say(scenario):
    told = {}

    class Listening:
        name = "mine"

        def reset(self, seed):
            self.told = told.setdefault(seed, [])

        def decide(self, slot):
            return nearest(slot)

        def observe(self, outcome):
            self.told.append(outcome)

    overrides = SHARED if scenario == "wang2025" else QUEUES
    results = run(Listening, scenario, overrides, tasks=True)
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table(results.tasks).to_pylist()
    for seed, parts in told.items():
        rows = [row for row in table if row["seed"] == seed]
        of = {(row["slot"], row["task"]): row for row in rows}
        count = 0
        for outcome in parts:
            for i in range(len(outcome["slot"])):
                row = of[outcome["slot"][i], outcome["task"][i]]
                assert outcome["delay_s"][i] == pytest.approx(row["delay_s"], rel=1e-12)
                assert outcome["energy_j"][i] == pytest.approx(row["energy_j"], rel=1e-12)
                assert outcome["on_time"][i] == (row["delay_s"] <= row["deadline_s"])
                count += 1
        assert count == len(rows) > 0
        assert not any(outcome["lost"].any() for outcome in parts)


def test_property_sessions_are_seen():
    scenario = Scenario("highway", {"fleet.size": 20, "time.slots": 5})
    seen = []

    class Following:
        name = "mine"

        def decide(self, slot):
            seen.append(slot.sessions)
            return nearest(slot)

        def observe(self, outcome):
            assert len(outcome["cost"]) == len(outcome["placements"])

    results = wayside.run(scenario, ["always-follow", Following], seeds=[0], timing=False)
    assert mean(results, "mine") == mean(results, "always-follow")
    assert any((sessions["host"] >= 0).any() for sessions in seen[1:])
    for sessions in seen:
        assert sessions["velocity_mps"].shape == (len(sessions["id"]), 2)


def test_property_exceptions_of_observe_and_reset_arrive():
    class Observing(Random):
        def observe(self, outcome):
            raise LookupError("observed")

    class Resetting(Random):
        def reset(self, seed):
            raise LookupError("reset")

    with pytest.raises(LookupError, match="observed"):
        run(Observing)
    with pytest.raises(LookupError, match="reset"):
        run(Resetting)
