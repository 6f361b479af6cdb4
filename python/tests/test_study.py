"""Studies on this machine."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest

import wayside

STUDY = """
[study]
name = "small"
title = "A small study"
seeds = SEEDS

[[grid]]
id = "load"
scenario = "wang2025-unbalanced"
policies = ["POLICY", "nearest"]
set = { "time.slots" = 5, "fleet.size" = 20 }

[[claim]]
id = "better"
claim = "the policy is better than nearest"
kind = "ordering"
relation = "less"
grid = "load"
metric = "objective"
policy = "POLICY"
than = "nearest"
"""


def write(folder, seeds=12, policy="price"):
    file = folder / "small.toml"
    file.write_text(STUDY.replace("SEEDS", str(seeds)).replace("POLICY", policy))
    return file


def files(folder):
    """Results, without what names the machine and the time."""
    found = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {path: data for path, data in found.items() if path.name in ("claims.json", "data.csv")}


def test_property_it_writes_the_same_whatever_the_threads_and_goes_on(tmp_path):
    file = write(tmp_path)
    claims = wayside.study(file, out=tmp_path / "one", threads=1)
    assert claims == wayside.study(file, out=tmp_path / "two", threads=2)
    assert [claim["id"] for claim in claims] == ["small.better"]
    assert files(tmp_path / "one") == files(tmp_path / "two") != {}
    begin = time.monotonic()
    assert claims == wayside.study(file, out=tmp_path / "one")
    assert time.monotonic() - begin < 5.0
    assert json.loads((tmp_path / "one" / "claims.json").read_text())


def parts(folder):
    """Parts of blocks, by what they depend on, with the time of their writing."""
    return {path.name[:40]: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}


@pytest.mark.skipif("WAYSIDE_BIN" not in os.environ, reason="WAYSIDE_BIN names no program")
def test_oracle_program_and_package_go_on_with_each_others_blocks(tmp_path):
    """Each finds all blocks of the other, and writes none of them again."""
    file = write(tmp_path)
    program = [os.environ["WAYSIDE_BIN"], "study", str(file), "--quiet", "--out"]
    subprocess.run([*program, str(tmp_path / "one")], check=True, capture_output=True)
    before = parts(tmp_path / "one")
    claims = wayside.study(file, out=tmp_path / "one")
    assert parts(tmp_path / "one") == before and len(before) == 2
    assert wayside.study(file, out=tmp_path / "two") == claims
    before = parts(tmp_path / "two")
    subprocess.run([*program, str(tmp_path / "two")], check=True, capture_output=True)
    assert parts(tmp_path / "two") == before
    assert before.keys() == parts(tmp_path / "one").keys()


def test_property_invalid_studies_raise(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("[study]\nname = 3\n")
    with pytest.raises(ValueError, match="bad.toml"):
        wayside.study(file, out=tmp_path / "out")
    with pytest.raises(OSError, match="none.toml"):
        wayside.study(tmp_path / "none.toml", out=tmp_path / "out")


def test_property_ctrl_c_stops_a_study(tmp_path):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    file = write(tmp_path, seeds=5000, policy="local-search")
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    begin = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        wayside.study(file, out=tmp_path / "out")
    assert time.monotonic() - begin < 10.0
    timer.join()
