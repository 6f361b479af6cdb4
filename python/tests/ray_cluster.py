"""What ``test_ray.py`` runs in a network namespace of its own: a cluster of two nodes, one of which dies.

``python ray_cluster.py STUDY OUT`` with ``RAY_AUTH_MODE=token``. Says as JSON what it saw.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import ray
from ray._private.state import available_resources_per_node
from ray.cluster_utils import Cluster

import wayside
import wayside.ray

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}


def intruder(address):
    """A process with another token that wants to join."""
    other = {**os.environ, "RAY_AUTH_TOKEN": "0" * 64}
    other.pop("RAY_AUTH_TOKEN_PATH")
    code = f"import ray; ray.init(address={address!r}, log_to_driver=False)"
    return subprocess.Popen([sys.executable, "-c", code], env=other, stderr=subprocess.PIPE, text=True)


def listening():
    """Addresses that anything here listens at."""
    found = set()
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(file).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if state == "0A":
                found.add(local.split(":")[0])
    return sorted(found)


def works(node):
    """Whether a task runs on ``node``, which may take until its worker has started."""
    for _ in range(200):
        if available_resources_per_node()[node].get("CPU", 0.0) == 0.0:
            return True
        time.sleep(0.1)
    return False


def main():
    study, out = sys.argv[1:]
    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    second = cluster.add_node(num_cpus=1, object_store_memory=NODE["object_store_memory"])
    stranger = intruder(cluster.address)
    said = {"interfaces": [name for _, name in socket.if_nameindex()]}
    ray.init(address=cluster.address, log_to_driver=False)
    said["nodes"] = sum(node["Alive"] for node in ray.nodes())
    parts = Path(out) / "cells"
    seen = []

    def progress(done, needed):
        nonlocal second
        seen.append((done, needed))
        if second is not None:
            worked = works(second.node_id)
            cluster.remove_node(second, allow_graceful=False)
            said["lost"] = worked and not second.any_processes_alive()
            second = None

    said["claims"] = wayside.ray.study(study, out=out, progress=progress)
    said["seen"], said["listening"] = list(seen), listening()

    # again: nothing is run
    seen.clear()
    wayside.ray.study(study, out=out, progress=progress)
    said["again"] = list(seen)
    # without some of its parts: those are
    results = (Path(out) / "results.parquet").read_bytes()
    lost = sorted(parts.iterdir())[:2]
    for part in lost:
        part.unlink()
    wayside.ray.study(study, out=out, progress=progress)
    said["resumed"] = len(seen)
    said["same"] = results == (Path(out) / "results.parquet").read_bytes()
    # errors arrive as they are
    try:
        list(wayside.ray._anywhere(wayside.ray._plan(study, False), [(99, 0, [0])], 0))
    except ValueError as e:
        said["error"] = [type(e).__name__, str(e)]
    error = stranger.communicate(timeout=120)[1]
    said["refused"] = stranger.returncode != 0 and "AuthenticationError" in error
    ray.shutdown()
    cluster.shutdown()
    print(json.dumps(said))


if __name__ == "__main__":
    main()
