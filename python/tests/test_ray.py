"""Studies on Ray: a cluster of two nodes on this machine, one of which is killed while it works."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAM = os.environ.get("WAYSIDE_BIN")
UP = "import fcntl, socket, struct; s = socket.socket(); fcntl.ioctl(s, 0x8914, struct.pack('16sh', b'lo', 0x49))"
"""Brings the loopback up, as ``ip link set lo up``: SIOCSIFFLAGS, UP | LOOPBACK | RUNNING."""

STUDY = """
[study]
name = "small"
title = "A small study"
seeds = 60
max_seeds = 120
quick_seeds = 2

[[grid]]
id = "load"
scenario = "wang2025-unbalanced"
policies = ["price", "nearest"]
awaited = ["ppo"]
set = { "time.slots" = 5 }
bound = true

[[grid.axis]]
key = "fleet.size"
name = "vehicles"
values = [20, 30]
quick = [20]

[[figure]]
id = "objective"
title = "Objective"
grid = "load"
x = "vehicles"
y = "objective"

[[table]]
id = "delay"
title = "Delay"
grids = ["load"]
metric = "delay_s"

[[claim]]
id = "price"
claim = "price is better than nearest"
kind = "ordering"
relation = "less"
grid = "load"
metric = "objective"
policy = "price"
than = "nearest"

[[claim]]
id = "limit"
claim = "With 20 vehicles nearest is below its own mean, which takes all seeds to be told undecided"
kind = "limit"
relation = "less"
limit = 0.2552
grid = "load"
metric = "objective"
policy = "nearest"
where = { vehicles = 20 }
"""


def alone():
    """The command that gives what follows a network of its own, with the loopback alone.

    Ray listens on the machine's address whatever it is told.
    """
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here: Ray would be reachable from outside")
    for options in (["-n"], ["-r", "-n"]):
        command = ["unshare", *options, sys.executable, "-c"]
        tried = subprocess.run([*command, UP], capture_output=True, text=True)
        if tried.returncode == 0:
            go = f"{UP}; import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
            return [*command, go]
    pytest.skip(f"no network namespace here: Ray would be reachable from outside ({tried.stderr.strip()})")


@pytest.mark.skipif(PROGRAM is None, reason="WAYSIDE_BIN names no program to compare with")
def test_oracle_a_study_on_two_nodes_of_which_one_dies_is_the_local_study_byte_for_byte(tmp_path, request):
    pytest.importorskip("ray")
    study, here, there = tmp_path / "small.toml", tmp_path / "here", tmp_path / "there"
    study.write_text(STUDY)
    local = [PROGRAM, "study", study, "--out", here, "--quiet"]
    subprocess.run(local, check=True, capture_output=True)
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    # not in tmp_path: sockets have short names
    temporary = tempfile.mkdtemp(prefix="ray")
    request.addfinalizer(lambda: shutil.rmtree(temporary, ignore_errors=True))
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": temporary,
    }
    command = [*alone(), HERE / "ray_cluster.py", study, there]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=400
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    said = json.loads(done.stdout.splitlines()[-1])

    assert said["refused"], "a process with another token may join"
    assert said["interfaces"] == ["lo"]
    # 127.0.0.1 alone, as such or within IPv6
    assert set(said["listening"]) <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert (said["nodes"], said["lost"]) == (2, True)
    # two cells of 60 seeds, then 60 more of the undecided one, in blocks of 10
    assert said["seen"][0] == [1, 12]
    assert said["seen"][-1] == [18, 18]
    assert (said["again"], said["resumed"], said["same"]) == ([], 2, True)
    assert said["error"][0] == "ValueError"
    assert "must be a cell of the study" in said["error"][1]

    assert said["claims"] == json.loads((here / "claims.json").read_text())
    assert [c["verdict"] for c in said["claims"]] == ["holds", "undecided"]
    compared = [
        "results.parquet",
        "claims.json",
        "validation.md",
        "report.html",
        "study.toml",
        "tables/delay.csv",
        "figures/objective.svg",
        "figures/objective.pdf",
    ]
    for name in compared:
        assert (here / name).read_bytes() == (there / name).read_bytes(), name
    files = [
        sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file() and p.parent.name != "cells")
        for out in (here, there)
    ]
    assert files[0] == files[1]
    # blocks have the same names: either goes on with what the other left
    blocks = [{path.name[:40] for path in (out / "cells").iterdir()} for out in (here, there)]
    assert blocks[0] == blocks[1] and len(blocks[0]) == 18


def test_property_wrong_studies_are_refused_before_ray_starts(tmp_path):
    ray = pytest.importorskip("ray")
    import wayside.ray

    study = tmp_path / "small.toml"
    study.write_text(STUDY.replace("seeds = 60", "sedes = 60", 1))
    with pytest.raises(ValueError, match="small.toml:5"):
        wayside.ray.study(study, out=tmp_path / "out")
    with pytest.raises(OSError, match="none.toml"):
        wayside.ray.study(tmp_path / "none.toml", out=tmp_path / "out")
    study.write_text(STUDY)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "claims.json").touch()
    with pytest.raises(ValueError, match="is not listed in a manifest of Wayside"):
        wayside.ray.study(study, out=tmp_path / "out")
    assert not ray.is_initialized()
