#!/usr/bin/env python3
"""Checks a score card of `wayside benchmark --record` from its records, without any code of Wayside.

    python3 benchmark/evaluate.py score/
    python3 benchmark/evaluate.py theirs/ --against ours/    # and that both met the same traffic

Every delay, energy, load and objective is computed again from docs/model.md (equation numbers below are those) for
the slots and decisions in `records/`, and compared with what the card says, to 1e-9 relative. Placements are checked:
coverage, reach, paths, capacity, (16e), CPU held by earlier tasks, moves of sessions, queues event by event. Then
the card itself: its suite, seeds and slots, means over seeds with their intervals, regimes, tracks and the score.

Not computed again: the certified bounds (only that no objective is below them), whether CPU shares are the optimum of
P2, how gains arose from places (a gain in a record is taken as it is), and decision times. Exit code: 0 where all
agrees, 1 where anything does not, 2 where there is nothing to check. Needs Python 3.10, and nothing else.
"""

import argparse
import gzip
import hashlib
import heapq
import json
import math
import sys
import zlib
from collections import Counter
from pathlib import Path

TOLERANCE = 1e-9
SUITE = "wayside-bench-1"
# regime: (track, tasks with their slots, and those of a quick look)
REGIMES = {
    "slot": ("shared", {"slot-20": (20, 5), "slot-100": (20, 5), "slot-200": (20, 5)}),
    "hotspot": ("shared", {"hotspot": (20, 5)}),
    "balanced": ("shared", {"balanced-40": (20, 5), "balanced-100": (20, 5)}),
    "coupled": ("shared", {"coupled-30": (40, 8), "coupled-25": (40, 8), "coupled-20": (40, 8)}),
    "radio": ("shared", {"radio": (20, 5)}),
    "city": ("shared", {"city-grid": (10, 2), "city-streets": (10, 2)}),
    "sessions": ("sessions", {"highway": (30, 10), "city-sessions": (20, 5)}),
    "batch": ("queues", {"batch": (1, 1), "batch-cloud": (1, 1)}),
    "stale": ("queues", {"stale": (20, 10)}),
}
SEEDS = {"score": range(1000, 1010), "tuning": range(10)}
QUICK_SEEDS = 2
FORESEE = {"session-dp", "session-foresight"}  # policies of Wayside that are told the future
T_975 = {1: math.tan(0.475 * math.pi), 9: 2.262157162798204}  # Student's t for two and for ten seeds
LEAST_FREE_SHARE = 1e-3  # an RSU with less of its CPU free accepts nothing


class Broken(Exception):
    """A file that cannot be checked, in words for who sent it."""


def parsed(text, place):
    """The value that JSON text holds."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if "\n" in text.rstrip() else f"column {error.colno}"
        raise Broken(f"{place}: must be JSON, {where}: {error.msg[0].lower()}{error.msg[1:]}") from None
    except (RecursionError, ValueError):
        raise Broken(f"{place}: must be JSON that nests less and has shorter numbers") from None


def text_of(path):
    """The text of a file."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Broken(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise Broken(f"{path}: must be UTF-8 text") from None


def in_words(error, place):
    """What an error while checking says about the file at hand."""
    if isinstance(error, Broken):
        return str(error)
    if isinstance(error, KeyError):
        return f"{place}: must have {error.args[0]!r}, has none (docs/benchmark.md has the format)"
    if isinstance(error, OSError):
        return f"{place}: cannot be read: {error.strerror or error}"
    return f"{place}: a value is not of the kind that the format has there (docs/benchmark.md)"


class Problems:
    """What does not agree: (kind, place, message)."""

    def __init__(self):
        self.found = []
        self.compared = 0
        self.worst = 0.0
        self.place = ""

    def add(self, kind, message):
        self.found.append((kind, self.place, message))

    def same(self, kind, what, said, computed):
        """Compares a number that was said with one that was computed."""
        self.compared += 1
        if said is None or computed is None:
            if said is not computed:
                self.add(kind, f"{what}: said {said}, computed {computed}")
            return
        difference = abs(said - computed) / max(abs(said), abs(computed), 1e-12)
        if not difference <= TOLERANCE:
            self.add(kind, f"{what}: said {said!r}, computed {computed!r}")
        else:
            self.worst = max(self.worst, difference)

    def check(self, kind, holds, message):
        self.compared += 1
        if not holds:
            self.add(kind, message)


class Network:
    """RSUs and links of a slot; routes have the fewest hops, then the least time of a bit."""

    def __init__(self, slot):
        self.rsus = {rsu["id"]: rsu for rsu in slot["rsus"]}
        self.limit = slot.get("max_hops", 6)
        self.links = {}
        for link in slot.get("links", []):
            self.links[link["a"], link["b"]] = self.links[link["b"], link["a"]] = link
        self.neighbours = {}
        for a, b in self.links:
            self.neighbours.setdefault(a, []).append(b)
        self.known = {}

    def routes(self, source):
        """(hops, seconds per bit) of every RSU within reach."""
        if source not in self.known:
            found, ring = {source: (0, 0.0)}, [source]
            for hops in range(1, self.limit + 1):
                new = {}
                for a in ring:
                    for b in self.neighbours.get(a, []):
                        if b not in found:
                            time = found[a][1] + 1.0 / self.links[a, b]["rate_bps"]
                            new[b] = min(new.get(b, math.inf), time)
                found.update((b, (hops, time)) for b, time in new.items())
                ring = list(new)
            self.known[source] = found
        return self.known[source]


class Slot:
    """One slot of a record."""

    networks = {}

    def __init__(self, data):
        self.data = data
        self.slot_s = data["slot_s"]
        self.omega = data["objective"]["omega"]
        self.power_w = data["migration_power_w"]
        key = json.dumps([[r["id"] for r in data["rsus"]], data.get("links"), data.get("max_hops")])
        if key not in self.networks:
            self.networks[key] = Network(data)
        self.network = self.networks[key]
        self.rsus = {rsu["id"]: rsu for rsu in data["rsus"]}
        self.vehicles = {vehicle["id"]: vehicle for vehicle in data["vehicles"]}
        self.tasks = {task["id"]: task for task in data["tasks"]}
        self.cloud_s = data.get("cloud", {}).get("round_trip_s")
        self.covered = {}

    def coverage(self, vehicle_id):
        """Seconds per bit, the band to itself, by RSU that covers the vehicle; nearest first. (1)"""
        if vehicle_id in self.covered:
            return self.covered[vehicle_id]
        vehicle, channel = self.vehicles[vehicle_id], self.data["channel"]
        noise_w = 10 ** ((channel["noise_dbm"] - 30) / 10)
        links = []
        for index, rsu in enumerate(self.data["rsus"]):
            square = (vehicle["x_m"] - rsu["x_m"]) ** 2 + (vehicle["y_m"] - rsu["y_m"]) ** 2
            if "gain" in vehicle:
                gain = vehicle["gain"].get(rsu["id"])
            elif square <= rsu["range_m"] ** 2:
                height = channel["antenna_height_m"]
                km = math.sqrt(max(square + height**2, 1.0)) / 1000
                loss = channel["pathloss_db_at_1km"] + channel["pathloss_db_per_decade"] * math.log10(km)
                gain = 10 ** (-loss / 10)
            else:
                gain = None
            if gain is not None:
                rate = rsu["bandwidth_hz"] * math.log1p(vehicle["tx_power_w"] * gain / noise_w) / math.log(2)
                links.append((square, index, rsu["id"], 1.0 / channel.get("uplink_rate_bps", rate)))
        self.covered[vehicle_id] = {rsu: time for _, _, rsu, time in sorted(links)}
        return self.covered[vehicle_id]

    def cost(self, delay_s, energy_j):
        return self.omega * delay_s + (1 - self.omega) * energy_j  # (15)


def local(slot, task, wait_s):
    """(4), (5)"""
    vehicle = slot.vehicles[task["vehicle"]]
    parts = {"upload": 0.0, "migration": 0.0, "propagation": 0.0, "wait": wait_s}
    parts["compute"] = task["cycles"] / vehicle["cpu_hz"]
    return parts, vehicle["energy_coeff"] * vehicle["cpu_hz"] ** 2 * task["cycles"]


def served(slot, task, entry, execution, cpu_hz, entering, wait_s=0.0):
    """(2), (3), (6), (7): at an RSU that shares its CPU."""
    vehicle, rsu = slot.vehicles[task["vehicle"]], slot.rsus[execution]
    upload_s = entering * task["data_bits"] * slot.coverage(task["vehicle"])[entry]
    hops, seconds_per_bit = slot.network.routes(entry)[execution]
    migration_s = task["data_bits"] * seconds_per_bit
    parts = {"upload": upload_s, "migration": migration_s, "propagation": 0.0, "wait": wait_s}
    parts["compute"] = task["cycles"] / cpu_hz
    energy_j = vehicle["tx_power_w"] * upload_s + hops * slot.power_w * migration_s
    return parts, energy_j + rsu["energy_coeff"] * cpu_hz**2 * task["cycles"]


def compare(problems, said, parts, energy_j, deadline_s):
    """An outcome with what was computed."""
    delay_s = sum(parts.values())
    for part, seconds in parts.items():
        problems.same("delay", f"{said.get('task', '')} {part}", said["delay_parts_s"][part], seconds)
    problems.same("delay", f"{said.get('task', '')} delay_s", said["delay_s"], delay_s)
    problems.same("energy", f"{said.get('task', '')} energy_j", said["energy_j"], energy_j)
    # by the delay that was said, which agrees: rounding decides nothing
    met = said["delay_s"] <= deadline_s
    problems.check("deadline", said["deadline_met"] == met, f"deadline_met: said {said['deadline_met']}")
    return delay_s, met


def admitted(problems, slot, placements):
    """The placements that the slot admits, by task: each task once, covered, within reach, by links that are there."""
    good = {}
    for placement in placements:
        task_id, mode = placement["task"], placement["mode"]
        if task_id not in slot.tasks:
            problems.add("task", f"{task_id} is not in the slot")
            continue
        if task_id in good:
            problems.add("task", f"{task_id} is placed twice")
            continue
        vehicle, entry, execution = slot.tasks[task_id]["vehicle"], placement["entry"], placement["execution"]
        if mode == "local":
            good[task_id] = placement
            problems.check("task", entry is None and execution is None, f"{task_id} is local, and has RSUs")
            problems.same("capacity", f"{task_id} cpu_hz", placement["cpu_hz"], slot.vehicles[vehicle]["cpu_hz"])
            continue
        if entry not in slot.coverage(vehicle):
            problems.add("coverage", f"{task_id} enters at {entry}, which does not cover {vehicle}")
        elif mode == "cloud" and slot.cloud_s is None:
            problems.add("cloud", f"{task_id} goes to a cloud that is not there")
        elif mode == "rsu" and execution not in slot.network.routes(entry):
            problems.add("reach", f"{task_id}: {execution} is not within {slot.network.limit} hops of {entry}")
        elif mode == "rsu" and not follows(slot, placement):
            problems.add("path", f"{task_id}: {placement['path']} is no way from {entry} to {execution}")
        else:
            good[task_id] = placement
    for task_id in slot.tasks:
        if all(placement["task"] != task_id for placement in placements):
            problems.add("task", f"{task_id} is not placed")
    return good


def follows(slot, placement):
    path, links = placement["path"], slot.network.links
    ends = bool(path) and path[0] == placement["entry"] and path[-1] == placement["execution"]
    return ends and all(pair in links for pair in zip(path, path[1:], strict=False))


def shares(problems, slot, header, good, decision, previous_cycles):
    """(8) to (10), (16d), (16e)"""
    granted = Counter()
    for placement in good.values():
        if placement["mode"] == "rsu":
            granted[placement["execution"]] += placement["cpu_hz"]
            problems.check("capacity", placement["cpu_hz"] > 0, f"{placement['task']} gets no CPU")
    loads = []
    for name, rsu in slot.rsus.items():
        held = rsu.get("reserved_cpu_hz", 0.0)
        used = granted[name] + held
        problems.check("capacity", used <= rsu["cpu_hz"] * (1 + TOLERANCE), f"{name} grants {used} of {rsu['cpu_hz']} Hz")
        full = rsu["cpu_hz"] - held < LEAST_FREE_SHARE * rsu["cpu_hz"]
        problems.check("capacity", not (full and granted[name]), f"{name} accepts tasks without free CPU")
        loads.append(used / rsu["cpu_hz"])
    for name, said, computed in zip(slot.rsus, decision["loads"], loads, strict=True):
        problems.same("load", f"load of {name}", said, computed)
    mean = sum(loads) / len(loads)
    lbm = math.sqrt(sum((load - mean) ** 2 for load in loads) / len(loads))
    # a deviation of nothing is rounding alone
    problems.same("lbm", "LBM", max(decision["lbm"], 1e-9), max(lbm, 1e-9))
    balance, cycles = header["load_balance"], sum(task["cycles"] for task in slot.tasks.values())
    said = slot.data.get("load_balance")
    if said and header["track"] == "shared":
        phi = balance["alpha"] * (cycles / previous_cycles - 1) if previous_cycles else 0.0
        problems.same("tau", "tau", said["tau"], max(balance["delta"] + phi, balance["tau_min"]))
        # where earlier tasks hold CPU there may be no allocation that meets it
        if balance["enforce"] and not any(rsu.get("reserved_cpu_hz") for rsu in slot.rsus.values()):
            problems.check("balance", lbm <= said["tau"] * (1 + 2 * TOLERANCE), f"LBM {lbm} exceeds tau {said['tau']}")
    return cycles


class SharedRun:
    """Tasks share CPU; with carry_over they hold it until they end."""

    def __init__(self, header):
        self.header, self.running, self.free_at = header, [], {}
        self.cycles, self.totals = None, []

    def decide(self, problems, line):
        slot, now = Slot(line["slot"]), line["now_s"]
        if self.header["carry_over"]:
            self.check_held(problems, slot, now)
        good = admitted(problems, slot, line["decision"]["placements"])
        self.cycles = shares(problems, slot, self.header, good, line["decision"], self.cycles)
        entering = Counter(p["entry"] for p in good.values() if p["mode"] == "rsu")
        for task_id, said in good.items():
            task = slot.tasks[task_id]
            entry, execution, cpu_hz = said["entry"], said["execution"], said["cpu_hz"]
            if said["mode"] == "local":
                wait_s = slot.vehicles[task["vehicle"]].get("local_wait_s", 0.0)
                parts, energy_j = local(slot, task, wait_s)
            elif said["mode"] == "rsu" and cpu_hz > 0:
                hops = slot.network.routes(entry)[execution][0]
                problems.check("path", len(said["path"]) == hops + 1, f"{task_id} takes {said['path']}")
                parts, energy_j = served(slot, task, entry, execution, cpu_hz, entering[entry])
            else:
                continue
            delay_s, met = compare(problems, said, parts, energy_j, task["deadline_s"])
            self.totals.append((slot.cost(delay_s, energy_j), delay_s, energy_j, met))
            end_s = now + said["delay_s"]
            if said["mode"] == "local":
                self.free_at[task["vehicle"]] = max(self.free_at.get(task["vehicle"], 0.0), end_s)
            else:
                self.running.append((execution, cpu_hz, end_s))

    def check_held(self, problems, slot, now):
        """What earlier tasks still hold."""
        self.running = [held for held in self.running if held[2] > now]
        held = Counter()
        for rsu, cpu_hz, _ in self.running:
            held[rsu] += cpu_hz
        for name, rsu in slot.rsus.items():
            problems.same("held", f"CPU held at {name}", rsu["reserved_cpu_hz"], float(held[name]))
        for name, vehicle in slot.vehicles.items():
            wait_s = max(self.free_at.get(name, 0.0) - now, 0.0)
            said = vehicle["local_wait_s"]
            # a difference of instants has their rounding
            problems.same("held", f"local_wait_s of {name}", said + now, wait_s + now)

    def finish(self, problems):
        return self.totals


def moving(slot, host, to):
    """A move of a session: what it sends, how long it copies, how long it is down."""
    copying = slot.data["sessions"]
    hops, tau = slot.network.routes(host)[to]
    left, copy_s, bits = 8 * copying["state_bytes"], 0.0, 0.0
    for _ in range(copying["rounds"]):
        following = min(8 * copying["dirty_bytes_per_s"] * tau * left, 8 * copying["state_bytes"])
        if left <= 8 * copying["stop_bytes"] * (1 + 1e-9) or following >= left:
            break
        copy_s, bits, left = copy_s + left * tau, bits + left, following
    bits += left
    lead = max(math.ceil(copy_s / slot.slot_s - 1e-9), 0)
    return lead, left * tau + copying["restart_s"], bits, hops * slot.power_w * tau * bits


class SessionRun:
    """Sessions: who hosts them, how they move, what their batches cost."""

    def __init__(self, header):
        self.header, self.states, self.entries, self.totals = header, {}, {}, []

    def switched(self, slot, state, to):
        away = math.floor((down_s := moving(slot, state["host"], to)[1]) / slot.slot_s)
        return {"host": to, "move": None, "down": (away, max(down_s - away * slot.slot_s, 0.0))}

    def state_of(self, slot, session):
        """Where a session runs when the slot starts."""
        state = dict(self.states.get(session, {"host": None, "move": None, "down": None}))
        if state["down"]:
            away, wait_s = state["down"]
            state["down"] = (away - 1, wait_s) if away else None
        if state["move"]:
            to, slots = state["move"]
            state["move"] = (to, slots - 1)
            if slots == 1:
                state = self.switched(slot, state, to)
        return state

    def decide(self, problems, line):
        slot = Slot(line["slot"])
        states, good = {}, admitted(problems, slot, line["decision"]["placements"])
        shares(problems, slot, self.header, good, line["decision"], None)
        nearest = {t: next(iter(slot.coverage(task["vehicle"])), None) for t, task in slot.tasks.items()}
        entering = Counter(nearest.values())
        for task_id, said in good.items():
            task = slot.tasks[task_id]
            session, entry = task["session"], nearest[task_id]
            state = self.state_of(slot, session)
            energy_of_move = self.order(problems, slot, state, said["session"], task_id)
            states[session] = state
            before = self.entries.get(session)
            interrupted = entry is not None and before is not None and entry != before
            wait_s = self.header["interruption_s"] if interrupted else 0.0
            problems.same("session", f"{task_id} interruption", task["interruption_s"], wait_s)
            self.entries[session] = entry or before
            away, down_s = state["down"] or (0, 0.0)
            serves = state["host"] and entry and not away and state["host"] in slot.network.routes(entry)
            expected = ("rsu", entry, state["host"]) if serves else ("local", None, None)
            actual = (said["mode"], said["entry"], said["execution"])
            if actual != expected or (serves and not said["cpu_hz"] > 0):
                problems.add("session", f"{task_id} is served by {actual}, and should be by {expected}")
                continue
            if serves:
                wait_s += down_s
                parts, energy_j = served(slot, task, entry, state["host"], said["cpu_hz"], entering[entry], wait_s)
            else:
                parts, energy_j = local(slot, task, slot.vehicles[task["vehicle"]].get("local_wait_s", 0.0))
            energy_j += energy_of_move
            delay_s, met = compare(problems, said, parts, energy_j, task["deadline_s"])
            self.totals.append((slot.cost(delay_s, energy_j), delay_s, energy_j, met))
        self.states = states

    def order(self, problems, slot, state, said, task_id):
        """Follows what was ordered; returns its energy. `state` becomes that after the order."""
        energy_j, bits, to = 0.0, 0.0, said["ordered_to"]
        if state["host"] is None:
            state["host"] = said["host"]
            problems.check("session", to is None, f"{task_id} moves before it is placed")
        elif to is not None:
            free = not state["move"] and not state["down"] and to != state["host"]
            if not free or to not in slot.network.routes(state["host"]):
                problems.add("session", f"{task_id} may not move to {to}")
            else:
                lead, _, bits, energy_j = moving(slot, state["host"], to)
                if lead:
                    state["move"] = (to, lead)
                else:
                    state.update(self.switched(slot, state, to))
        after = (state["host"], *(state["move"] or (None, 0)))
        report = (said["host"], said["moving_to"], said["moving_slots"])
        problems.check("session", after == report, f"{task_id} is at {report}, and should be at {after}")
        problems.same("session", f"{task_id} moved_bytes", said["moved_bytes"], bits / 8)
        away, wait_s = state["down"] or (0, 0.0)
        problems.same("session", f"{task_id} down_s", said["down_s"], away * slot.slot_s + wait_s)
        return energy_j

    def finish(self, problems):
        return self.totals


class QueueRun:
    """Tasks queue for links and cores, first come, first served; among equals the first submitted goes first."""

    def __init__(self, header):
        self.calendar, self.number, self.free_at = [], 0, {}
        self.cores, self.link_free, self.done, self.said = None, {}, {}, {}

    def decide(self, problems, line):
        slot, now, t = Slot(line["slot"]), line["now_s"], line["t"]
        self.slot = slot
        if self.cores is None:
            self.cores = {n: [now + s for s in rsu["core_free_s"]] for n, rsu in slot.rsus.items()}
        self.run(now)
        for name, rsu in slot.rsus.items():
            for said, free_s in zip(rsu["core_free_s"], self.cores[name], strict=True):
                problems.same("queue", f"a core of {name} is free", said + now, max(free_s, now))
        for task_id, placement in admitted(problems, slot, line["decision"]["placements"]).items():
            task = slot.tasks[task_id]
            vehicle, entry = slot.vehicles[task["vehicle"]], placement["entry"]
            key = (t, task_id)
            if placement["mode"] == "local":
                wait_s = max(self.free_at.get(vehicle["id"], 0.0) - now, 0.0)
                parts, energy_j = local(slot, task, wait_s)
                self.free_at[vehicle["id"]] = now + sum(parts.values())
                self.done[key] = (parts, energy_j, task)
                continue
            upload_s = task["data_bits"] * slot.coverage(task["vehicle"])[entry]
            energy_j = vehicle["tx_power_w"] * upload_s
            parts = {"upload": upload_s, "migration": 0.0, "propagation": 0.0, "wait": 0.0, "compute": 0.0}
            if placement["mode"] == "cloud":
                parts["propagation"] = slot.cloud_s
                self.done[key] = (parts, energy_j, task)
                continue
            core_hz = slot.rsus[placement["execution"]]["cpu_hz"] / len(self.cores[placement["execution"]])
            problems.same("capacity", f"{task_id} cpu_hz", placement["cpu_hz"], core_hz)
            job = [key, task, parts, energy_j, placement["path"], 0]
            heapq.heappush(self.calendar, (now + upload_s, self.number, job))
            self.number += 1

    def run(self, until_s):
        while self.calendar and self.calendar[0][0] <= until_s:
            now, number, job = heapq.heappop(self.calendar)
            key, task, parts, energy_j, path, at = job
            if at + 1 < len(path):
                hop = (path[at], path[at + 1])
                link = self.slot.network.links[hop]
                begin_s = max(now, self.link_free.get(hop, 0.0))
                end_s = begin_s + task["data_bits"] / link["rate_bps"]
                self.link_free[hop] = end_s
                parts["wait"] += begin_s - now
                parts["migration"] += end_s - begin_s
                parts["propagation"] += link.get("propagation_s", 0.0)
                job[5] += 1
                heapq.heappush(self.calendar, (end_s + link.get("propagation_s", 0.0), number, job))
                continue
            server = self.slot.rsus[path[-1]]
            cores = self.cores[path[-1]]
            core = cores.index(min(cores))
            begin_s = max(now, cores[core])
            core_hz = server["cpu_hz"] / len(cores)
            cores[core] = begin_s + task["cycles"] / core_hz
            parts["wait"] += begin_s - now
            parts["compute"] = cores[core] - begin_s
            energy_j += (len(path) - 1) * self.slot.power_w * parts["migration"]
            energy_j += server["energy_coeff"] * core_hz**2 * task["cycles"]
            self.done[key] = (parts, energy_j, task)

    def ended(self, problems, said):
        key = (said["slot"], said["task"])
        problems.check("task", key not in self.said, f"{key} ended twice")
        self.said[key] = said["outcome"]

    def finish(self, problems):
        self.run(math.inf)
        totals = []
        for key, (parts, energy_j, task) in self.done.items():
            said = self.said.pop(key, None)
            if said is None:
                problems.add("task", f"{key} has no outcome")
                continue
            # waits are differences of instants, and have their rounding: they are judged by the delay
            wait_s = said["delay_parts_s"]["wait"]
            if abs(wait_s - parts["wait"]) <= TOLERANCE * sum(parts.values()):
                parts["wait"] = wait_s
            delay_s, met = compare(problems, said, parts, energy_j, task["deadline_s"])
            totals.append((self.slot.cost(delay_s, energy_j), delay_s, energy_j, met))
        for key in self.said:
            problems.add("task", f"{key} ended, and was never placed")
        return totals


RUNS = {"shared": SharedRun, "sessions": SessionRun, "queues": QueueRun}


def traffic_of(line):
    """What no policy changes of a slot, as a hash."""
    kept = json.loads(json.dumps(line["slot"]))
    for rsu in kept["rsus"]:
        for key in ("reserved_cpu_hz", "releasing_cpu_hz", "core_free_s"):
            rsu.pop(key, None)
    for vehicle in kept["vehicles"]:
        vehicle.pop("local_wait_s", None)
    for task in kept["tasks"]:
        for key in ("host", "moving_to", "moving_slots", "down_s"):
            task.pop(key, None)
    return hashlib.sha256(json.dumps([line["t"], kept], sort_keys=True).encode()).hexdigest()


def read(path):
    """The lines of a record."""
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield parsed(line, f"{path}, line {number}")
    except (EOFError, OSError, zlib.error):
        raise Broken(f"{path}: must be a whole gzip file, ends or breaks after line {number}") from None
    except UnicodeDecodeError:
        raise Broken(f"{path}: must be UTF-8 text, is not after line {number}") from None


def replay(problems, path, slots):
    """The outcomes of a record and its traffic."""
    lines = read(path)
    header = next(lines, Broken)
    if header is Broken:
        raise Broken(f"{path}: must begin with a line that says what it records, is empty")
    run = RUNS[header["track"]](header)
    traffic, times = [], []
    for line in lines:
        if "ended" in line:
            run.ended(problems, line["ended"])
            continue
        problems.place = f"{path.name}, slot {line['t']}"
        times.append(line["t"])
        traffic.append(traffic_of(line))
        run.decide(problems, line)
    problems.place = path.name
    problems.check("slots", times == list(range(slots)), f"has slots {times}, expected {slots}")
    return run.finish(problems), traffic


def check_seed(problems, said, totals):
    """The results of a run with the means over its outcomes."""
    problems.same("result", "tasks", said["tasks"], len(totals))
    count = max(len(totals), 1)
    for column, name in enumerate(["objective", "delay_s", "energy_j", "on_time"]):
        problems.same("result", name, said[name], sum(total[column] for total in totals) / count)
    bound, objective = said["lower_bound"], said["objective"]
    if bound is not None:
        problems.check("bound", objective >= bound * (1 - TOLERANCE), f"{objective} is below its bound {bound}")
        # a gap of nothing is a difference of equals
        problems.same("result", "gap", 1 + said["gap"], objective / bound)


def check_estimate(problems, kind, what, said, values, shift=0.0):
    """A mean over seeds with its interval; `said` is null where there are no `values`."""
    if said is None or values is None:
        return problems.check(kind, said is values, f"{what}: said {said}, computed from {values}")
    mean = sum(values) / len(values)
    problems.same(kind, what, shift + said["mean"], shift + mean)
    t = T_975.get(len(values) - 1)
    if t is None:
        return None
    half = t * math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))
    near = said["ci95"] is not None and all(
        abs(end - (mean + sign * half)) <= TOLERANCE * (abs(mean) + half) for sign, end in zip([-1, 1], said["ci95"])
    )
    return problems.check(kind, near, f"{what}: said {said['ci95']}, computed {[mean - half, mean + half]}")


def mean_by_seed(parts):
    """The mean of several gaps, seed by seed; none unless all are there."""
    return None if None in parts else [sum(gaps) / len(parts) for gaps in zip(*parts)]


def check_scores(problems, entry):
    """Regimes, tracks and the score, from the gaps of the entry by seed."""
    problems.place = entry["policy"]
    gaps = {}
    for result in entry["results"]:
        values = [seed["gap"] for seed in result["by_seed"]]
        gaps[result["task"]] = values if values and None not in values else None
    regimes = {name: mean_by_seed([gaps.get(task) for task in tasks]) for name, (_, tasks) in REGIMES.items()}
    of_track = {"shared": [], "sessions": [], "queues": []}
    for name, (track, _) in REGIMES.items():
        of_track[track].append(regimes[name])
    tracks = {track: mean_by_seed(parts) for track, parts in of_track.items()}
    for kind, key, computed in [("regime", "regimes", regimes), ("track", "tracks", tracks)]:
        said = {score[kind]: score["gap"] for score in entry[key]}
        problems.check("score", list(said) == list(computed), f"{key} are {list(said)}, expected {list(computed)}")
        for name in said.keys() & computed.keys():
            check_estimate(problems, "score", name, said[name], computed[name], 1.0)
    check_estimate(problems, "score", "score", entry["score"], mean_by_seed(list(regimes.values())), 1.0)
    foresees = entry["policy"] in FORESEE
    problems.check("score", entry["knows_future"] == foresees, f"knows_future is {entry['knows_future']}")


def check_card(problems, card):
    """Whether the card is of the suite: its tasks, seeds and slots."""
    problems.place = "score.json"
    problems.check("suite", card["suite"] == SUITE, f"is of {card['suite']!r}, expected {SUITE!r}")
    problems.check("suite", card["seeds_of"] in SEEDS, f"seeds_of is {card['seeds_of']!r}, expected {list(SEEDS)}")
    all_slots = {task: slots for _, tasks in REGIMES.values() for task, slots in tasks.items()}
    seeds = list(SEEDS.get(card["seeds_of"], []))[: QUICK_SEEDS if card["quick"] else None]
    for task in card["tasks"]:
        problems.place = f"score.json, {task['task']}"
        slots = all_slots.get(task["task"], (None, None))[1 if card["quick"] else 0]
        problems.check("suite", task["slots"] == slots, f"has {task['slots']} slots, expected {slots}")
        played = task["seeds"] if card["complete"] else [*task["seeds"], *seeds[len(task["seeds"]) :]]
        problems.check("suite", played == seeds, f"has seeds {task['seeds']}, expected {seeds}")
        regime = next((name for name, (_, tasks) in REGIMES.items() if task["task"] in tasks), None)
        problems.check("suite", task["regime"] == regime, f"is of regime {task['regime']!r}, expected {regime!r}")
    names = [entry["policy"] for entry in card["entries"]]
    problems.place = "score.json"
    problems.check("suite", len(set(names)) == len(names), f"has policies more than once: {names}")


def check_means(problems, result):
    """The means over the seeds."""
    for name in ["gap", "on_time", "objective", "lower_bound", "delay_s", "energy_j"]:
        values = [seed[name] for seed in result["by_seed"]]
        values = values if values and None not in values else None
        check_estimate(problems, "mean", name, result[name], values, 1.0 if name == "gap" else 0.0)


def evaluate(folder, problems, against=None):
    """Checks the score card in `folder`; how many runs it has."""
    folder, runs = Path(folder), 0
    card, problems.place = parsed(text_of(folder / "score.json"), folder / "score.json"), "score.json"
    check_card(problems, card)
    traffic = {}
    for entry in card["entries"]:
        check_scores(problems, entry)
        stem = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in entry["policy"])[:60]
        for task, result in zip(card["tasks"], entry["results"], strict=True):
            problems.place = f"{task['task']}, {entry['policy']}"
            if result["unplayable"] is not None:
                problems.check("result", not result["by_seed"], "was not played, and has results")
                continue
            seeds = [seed["seed"] for seed in result["by_seed"]]
            problems.check("seeds", seeds == task["seeds"], f"has seeds {seeds}, expected {task['seeds']}")
            check_means(problems, result)
            for seed in result["by_seed"]:
                name = f"{task['task']}.{stem}.seed{seed['seed']}.jsonl.gz"
                problems.place = name
                path = folder / "records" / name
                if not path.is_file():
                    problems.add("record", "is missing")
                    continue
                runs += 1
                totals, slots = replay(problems, path, task["slots"])
                check_seed(problems, seed, totals)
                key = (task["task"], seed["seed"])
                same = traffic.setdefault(key, slots) == slots
                problems.check("traffic", same, "met other traffic than another policy of the card")
    if against is not None:
        for (task, seed), slots in traffic.items():
            problems.place = f"{task}, seed {seed}"
            path = next(iter(sorted((Path(against) / "records").glob(f"{task}.*.seed{seed}.jsonl.gz"))), None)
            if path is None:
                problems.add("traffic", "is not among the records to compare with")
                continue
            other = [traffic_of(line) for line in read(path) if "slot" in line]
            problems.check("traffic", other == slots, f"met other traffic than {path}")
    return runs


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="what `wayside benchmark --record --out` wrote")
    parser.add_argument("--against", metavar="FOLDER", help="records of another score card, to compare the traffic with")
    options = parser.parse_args(arguments)
    problems = Problems()
    try:
        runs = evaluate(options.folder, problems, options.against)
    except (Broken, OSError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        print(f"error: {in_words(error, problems.place or options.folder)}", file=sys.stderr)
        return 2
    for kind, place, message in problems.found[:50]:
        print(f"{kind}: {place}: {message}")
    if len(problems.found) > 50:
        print(f"... and {len(problems.found) - 50} more")
    if not runs:
        print("error: there are no records; --record writes them", file=sys.stderr)
        return 2
    verdict = f"{len(problems.found)} problems" if problems.found else "all agrees"
    print(f"{runs} runs, {problems.compared} comparisons, largest relative difference {problems.worst:.1e}: {verdict}")
    return 1 if problems.found else 0


if __name__ == "__main__":
    sys.exit(main())
