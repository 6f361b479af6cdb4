"""Traces as the real SUMO writes them, against a reader of their own; and SUMO started by Wayside."""

import json
import os
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pyarrow.parquet
import pytest

sumo = pytest.importorskip("sumo", reason="SUMO is not installed: pip install eclipse-sumo")

HERE = Path(__file__).parent / "sumo"
PROGRAM = Path(sumo.SUMO_HOME) / "bin" / "sumo"
# the one beside this Python, whatever else is on PATH
ENV = {**os.environ, "SUMO_HOME": sumo.SUMO_HOME, "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"}
WAYSIDE = os.environ.get("WAYSIDE_BIN") or shutil.which("wayside")

SCENARIO = """
scenario = { name = "grid" }
time = { slots = 30 }
channel = { noise_dbm = -104 }
task = { cycles = { min = 300e6, max = 450e6 }, data_bytes = 250_000, deadline_s = 1.0 }
objective = { omega = 0.65 }
backhaul = { max_distance_m = 300, rate_bps = 1e9, migration_power_w = 0.5 }
rsu = { grid = { spacing_m = 90, range_m = 500, bandwidth_hz = 100e6, cpu_hz = 15e9, energy_coeff = 3e-28 } }
[fleet]
tx_power_w = 0.2
cpu_hz = 0.5e9
energy_coeff = 2e-26
mobility = { MOBILITY }
"""


def simulate(folder, name, *options):
    """What SUMO writes with these options."""
    path = folder / name
    command = [PROGRAM, "-c", HERE / "grid.sumocfg", "--fcd-output", path, "--no-step-log", *options]
    subprocess.run(command, env=ENV, check=True, cwd=folder, capture_output=True)
    return path


def truth(path):
    """Vehicles by time and name, read by Python's own parser."""
    found = {}
    for step in ElementTree.parse(path).getroot():
        for vehicle in step.iter("vehicle"):
            place = float(vehicle.get("x")), float(vehicle.get("y"))
            found[float(step.get("time")), vehicle.get("id")] = (*place, vehicle.get("type"))
    assert found
    return found


def wayside(*args, cwd=None):
    return subprocess.run([WAYSIDE, *args], env=ENV, cwd=cwd, capture_output=True, text=True)


def imported(path):
    """The same by Wayside, and its report."""
    out = path.with_name(f"{path.name}.imported.parquet")
    done = wayside("import", path, "--out", out, "--format", "json")
    assert done.returncode == 0, done.stderr
    columns = pyarrow.parquet.read_table(out).to_pydict()
    names = {name.split("_")[-1]: values for name, values in columns.items()}
    rows = zip(names["time"], names["id"], names["x"], names["y"], names["type"])
    # steps without vehicles are rows with a time alone
    return {(t, v): (x, y, kind or None) for t, v, x, y, kind in rows if v}, json.loads(done.stdout)


WHEN = {
    "steps of 1 s": [],
    "steps of .1 s": ["--step-length", "0.1", "--end", "20"],
    "every 3 s": ["--device.fcd.period", "3"],
    "begin": ["--begin", "13"],
    "some vehicles": ["--device.fcd.probability", "0.5"],
}
WHAT = {
    "all": [],
    "few attributes": ["--fcd-output.attributes", "x,y,type"],
    "without types": ["--fcd-output.attributes", "x,y,lane,edge"],
    "persons elsewhere": ["--person-fcd-output", "persons.xml"],
    "no empty steps": ["--fcd-output.skip-empty"],
}
FORMATS = ["xml", "xml.gz", "csv", "csv.gz", "parquet"]


CASES = [("steps of 1 s", what) for what in WHAT] + [(when, "all") for when in WHEN if when != "steps of 1 s"]


@pytest.mark.parametrize("geo", [False, True], ids=["metres", "geo"])
@pytest.mark.parametrize(("when", "what"), CASES)
def test_oracle_every_form_of_a_simulation_has_the_same_vehicles(tmp_path, when, what, geo):
    options = [*WHEN[when], *WHAT[what]]
    metres = simulate(tmp_path, "metres.xml", *options)
    if geo:
        options.append("--fcd-output.geo")
    expected = truth(simulate(tmp_path, "truth.xml", *options))
    assert len({v for _, v in expected}) > 5
    _, flat = imported(metres)
    for form in FORMATS:
        path = simulate(tmp_path, f"trace.{form}", *options)
        vehicles, report = imported(path)
        # Parquet has all digits, as SUMO computes them; text those that it prints
        digits = 6 if geo else 2
        assert vehicles.keys() == expected.keys(), form
        for key, (x, y, kind) in vehicles.items():
            east, north, told = expected[key]
            assert abs(x - east) <= 0.51 * 10**-digits, (form, key)
            assert abs(y - north) <= 0.51 * 10**-digits, (form, key)
            assert kind == told, (form, key)
        assert report["vehicles"] == flat["vehicles"]
        if geo:
            # the network lies in zone 32, moved by what its file says; 6 digits of a degree are .1 m
            assert report["x_min_m"] - 600_000 == pytest.approx(flat["x_min_m"], abs=0.3), form
            assert report["y_max_m"] - 5_800_000 == pytest.approx(flat["y_max_m"], abs=0.3), form


@pytest.mark.parametrize("header", ["plain", "full", "auto", "tag"])
@pytest.mark.parametrize("separator", [";", ",", "\t"], ids=["semicolon", "comma", "tab"])
def test_oracle_every_header_of_a_table_is_read(tmp_path, header, separator):
    expected = truth(simulate(tmp_path, "truth.xml"))
    options = ["--output.column-header", header, "--output.column-separator", separator]
    if header == "plain":
        # hours, minutes and seconds
        options.append("-H")
    vehicles, _ = imported(simulate(tmp_path, "trace.csv", *options))
    assert vehicles == expected


def results(path):
    """The results, the slots among them."""
    files = [file for file in path.rglob("*") if file.is_file()]
    # these name the source of the vehicles, or how long policies took
    told = {"manifest.json", "report.html", "summary.csv", "summary.json", "slots.parquet", "slots.manifest"}
    return {str(f.relative_to(path)): f.read_bytes() for f in files if f.name not in told}


@pytest.mark.parametrize("geo", [False, True], ids=["metres", "geo"])
def test_oracle_sumo_and_the_file_that_it_writes_give_the_same_results(tmp_path, geo):
    shutil.copytree(HERE, tmp_path / "net")
    options = ["--step-length", "0.5", *(["--fcd-output.geo"] if geo else [])]
    simulate(tmp_path, "trace.xml", *options)
    part = 'begin_s = 4, vehicle_types = ["car"]'
    mobilities = {
        "file": 'kind = "fcd", path = "trace.xml"',
        "pipe": f'kind = "sumo", config = "net/grid.sumocfg", options = {json.dumps(options)}',
    }
    for name, mobility in mobilities.items():
        scenario = tmp_path / f"{name}.toml"
        (tmp_path / name).mkdir()
        scenario.write_text(SCENARIO.replace("MOBILITY", f"{mobility}, {part}"))
        done = wayside("run", scenario, "--seeds", "0..3", "--bound",
                       "--out", tmp_path / name / "out", "--dump-slots", tmp_path / name / "slots")
        assert done.returncode == 0, done.stderr
    expected = results(tmp_path / "file")
    assert len(expected) > 4 * 30
    assert expected == results(tmp_path / "pipe")
    assert not processes(tmp_path)


def processes(folder):
    """Running programs whose command line or folder is in `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            place = os.readlink(process / "cwd")
            if place.startswith(f"{folder}/net"):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_regress_an_interrupted_run_leaves_no_sumo(tmp_path, name):
    if not Path("/proc/self/cwd").exists():
        pytest.skip("no /proc")
    shutil.copytree(HERE, tmp_path / "net")
    # days of traffic
    options = ["--end", "1000000"]
    mobility = f'kind = "sumo", config = "net/grid.sumocfg", options = {json.dumps(options)}'
    scenario = tmp_path / "long.toml"
    text = SCENARIO.replace("MOBILITY", mobility).replace("slots = 30", "slots = 1_000_000")
    scenario.write_text("area = { width_m = 200, height_m = 200 }\n" + text)
    with subprocess.Popen([WAYSIDE, "run", scenario], env=ENV, stderr=subprocess.PIPE) as run:
        until = time.monotonic() + 60
        while not processes(tmp_path):
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.5)
        run.send_signal(name)
        run.communicate(timeout=30)
        assert run.returncode == 130
    # it was killed; the system may take a moment to clear it away
    until = time.monotonic() + 10
    while processes(tmp_path):
        assert time.monotonic() < until, processes(tmp_path)
        time.sleep(0.05)


def test_regress_errors_of_sumo_are_shown(tmp_path):
    shutil.copytree(HERE, tmp_path / "net")
    (tmp_path / "net/grid.net.xml").unlink()
    scenario = tmp_path / "a.toml"
    scenario.write_text(SCENARIO.replace("MOBILITY", 'kind = "sumo", config = "net/grid.sumocfg"'))
    done = wayside("run", scenario)
    assert done.returncode == 2
    assert "grid.sumocfg: sumo failed (exit status: 1): " in done.stderr
    assert "grid.net.xml' is not accessible" in done.stderr


def test_regress_check_says_what_it_took(tmp_path):
    shutil.copytree(HERE, tmp_path / "net")
    scenario = tmp_path / "a.toml"
    scenario.write_text(SCENARIO.replace("MOBILITY", 'kind = "sumo", config = "net/grid.sumocfg"'))
    done = wayside("check", scenario)
    assert done.returncode == 0, done.stderr
    assert f"SUMO FCD as XML from {PROGRAM}" in done.stdout
    assert "lorry" in done.stdout
    assert "left out" in done.stdout
