"""Studies on this machine."""

import json
import os
import signal
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
