"""ring-fifo on other simulators of PyPI, beside Wayside: tasks per CPU second, peak memory, mean wait.

    cargo build --release
    python benches/peers/peers.py target/release/wayside

The workload is that of scenarios/ring-fifo.toml: every second 100 vehicles, evenly spaced on a ring, send a task each to the
nearest of 11 single-core servers. The upload takes 50 ms, a core is busy for 50 ms, tasks wait in order. One server gets 10
tasks, the others 9, so the mean wait is exactly 0.2025 s.

The script makes an environment of its own below target/peers and installs the versions below there. Each simulator runs in a
process of its own, one after the other, and its CPU time includes imports and start. Vehicles keep their server; Wayside moves
them and finds it anew every second.

Not on PyPI, and so not here: EdgeSimPy and YAFS. YAFS stands on SimPy, as LEAF does, and cannot be faster than SimPy alone.
"""

import json
import os
import resource
import subprocess
import sys
import venv
from pathlib import Path

VERSIONS = {"leafsim": "0.4.2", "simpy": "4.1.2"}
VEHICLES = 100
SERVERS = 11
UPLOAD_S = 0.05
SERVICE_S = 0.05
EXACT_WAIT_S = 0.2025

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]


def nearest_servers():
    """Tasks per server: the ring's angles are cut into 11 arcs of nearly 9.09 vehicles each."""
    return [round(v * SERVERS / VEHICLES) % SERVERS for v in range(VEHICLES)]


def simpy_alone(seconds):
    import simpy

    env = simpy.Environment()
    servers = [simpy.Resource(env, capacity=1) for _ in range(SERVERS)]
    waits = []

    def task(server):
        yield env.timeout(UPLOAD_S)
        arrived_s = env.now
        with server.request() as core:
            yield core
            waits.append(env.now - arrived_s)
            yield env.timeout(SERVICE_S)

    def vehicles():
        while True:
            for nearest in nearest_servers():
                env.process(task(servers[nearest]))
            yield env.timeout(1.0)

    env.process(vehicles())
    env.run(until=seconds)
    return waits


def leaf(seconds):
    """Each task is an application: a source on the vehicle, a flow over the radio, and processing on the server. LEAF has no
    queues, so a core of SimPy stands before each node; tasks are placed and removed as its examples do it."""
    import simpy
    from leaf.application import Application, ProcessingTask, SourceTask
    from leaf.infrastructure import Infrastructure, Link, Node
    from leaf.orchestrator import Orchestrator
    from leaf.power import PowerModelLink, PowerModelNode

    env = simpy.Environment()
    infrastructure = Infrastructure()
    servers, cores, vehicles = [], [], []
    for m in range(SERVERS):
        power = PowerModelNode(max_power=30, static_power=10)
        servers.append(Node(f"r{m}", cu=1e9, power_model=power))
        cores.append(simpy.Resource(env, capacity=1))
        infrastructure.add_node(servers[m])
    for v, nearest in enumerate(nearest_servers()):
        vehicles.append(Node(f"v{v}"))
        radio = PowerModelLink(energy_per_bit=25e-9)
        infrastructure.add_link(Link(vehicles[v], servers[nearest], bandwidth=8e6, power_model=radio))

    class Nearest(Orchestrator):
        def _processing_task_placement(self, processing_task, application):
            return application.server

    orchestrator = Nearest(infrastructure)
    waits = []

    def task(vehicle, nearest):
        yield env.timeout(UPLOAD_S)
        arrived_s = env.now
        with cores[nearest].request() as core:
            yield core
            waits.append(env.now - arrived_s)
            application = Application()
            application.server = servers[nearest]
            source = SourceTask(bound_node=vehicle)
            application.add_task(source)
            processing = ProcessingTask(cu=1e9)
            application.add_task(processing, incoming_data_flows=[(source, 4e5)])
            orchestrator.place(application)
            yield env.timeout(SERVICE_S)
            application.deallocate()

    def traffic():
        while True:
            for v, nearest in enumerate(nearest_servers()):
                env.process(task(vehicles[v], nearest))
            yield env.timeout(1.0)

    env.process(traffic())
    env.run(until=seconds)
    return waits


PEERS = {"LEAF": (leaf, "leafsim"), "SimPy alone": (simpy_alone, "simpy")}


def run_peer(name, seconds):
    """In the environment: prints tasks, mean wait, CPU seconds and peak memory [MiB]."""
    waits = PEERS[name][0](seconds)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([len(waits), sum(waits) / len(waits), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))


def environment():
    folder = ROOT / "target" / "peers"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    wanted = [f"{name}=={version}" for name, version in VERSIONS.items()]
    subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
    return python


def wayside(program, seconds):
    command = [program, "run", "ring-fifo", "--policy", "nearest", "--threads", "1", "--seeds", "0", "--slots", str(seconds)]
    process = subprocess.Popen([*command, "--no-timing", "--format", "json", "-q"], stdout=subprocess.PIPE)
    summary = json.loads(process.stdout.read())
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit("wayside failed")
    wait_s = summary["policies"][0]["delay_s"]["mean"] - UPLOAD_S - SERVICE_S
    return [VEHICLES * seconds, wait_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]


def main():
    program = sys.argv[1]
    python = environment()
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    rows = [("Wayside", version, wayside(program, 10_000))]
    for name, (_, package) in PEERS.items():
        command = [python, HERE, "--peer", name, "300"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows.append((name, VERSIONS[package], json.loads(output)))
    print("| simulator | version | tasks | tasks per CPU second | peak memory | mean wait (exact: 0.2025 s) |")
    print("|---|---|---|---|---|---|")
    for name, version, (tasks, wait_s, cpu_s, mib) in rows:
        print(f"| {name} | {version} | {tasks:,} | {tasks / cpu_s:,.0f} | {mib:.0f} MiB | {wait_s:.6f} s |")
        if abs(wait_s - EXACT_WAIT_S) > 1e-3:
            print(f"{name} is off", file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        run_peer(sys.argv[2], int(sys.argv[3]))
    else:
        main()
