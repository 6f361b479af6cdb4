"""The package itself."""

import subprocess
import sys
import tarfile
from pathlib import Path

import wayside

HERE = Path(wayside.__file__).parent


def python(code):
    # not here: the sources of the package must not be found before the package
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_property_importing_is_quick():
    code = "import time; c = time.process_time(); import wayside, sys; print(time.process_time() - c)"
    assert min(float(python(code)) for _ in range(3)) < 0.3
    assert python("import wayside, sys; print('gymnasium' in sys.modules)") == "False"


def test_property_gymnasium_knows_the_environment_in_either_order():
    make = "print(gymnasium.make('wayside/Offloading-v0').unwrapped.form)"
    assert python(f"import wayside, gymnasium; {make}") == "flat"
    assert python(f"import gymnasium, wayside; {make}") == "flat"
    by_module = "gymnasium.make('wayside:wayside/Offloading-v0').unwrapped.form"
    assert python(f"import gymnasium; print({by_module})") == "flat"


def test_regress_submodules_are_there_by_name():
    code = "import wayside; print(wayside.parallel.OffloadingParallelEnv('wang2025').possible_agents[0])"
    assert python(code) == "vehicle_0"
    code = "import wayside; print(wayside.masks.MaskedSampler.__name__, wayside.env.OffloadingEnv.__name__)"
    assert python(code) == "MaskedSampler OffloadingEnv"
    assert python("import wayside; print(hasattr(wayside, 'nothing'))") == "False"


def test_property_types_are_strict(tmp_path):
    settings = Path(__file__).parent.parent / "pyproject.toml"
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path)]
    mypy += ["--config-file", str(settings), "-p", "wayside"]
    done = subprocess.run(mypy, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_property_the_stubs_are_those_of_the_native_part(tmp_path):
    stubtest = [sys.executable, "-m", "mypy.stubtest", "wayside._native"]
    done = subprocess.run(stubtest, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_property_it_says_that_it_is_typed():
    assert (HERE / "py.typed").exists()
    assert wayside.__version__


def test_property_source_distributions_hold_what_the_crates_carry(tmp_path):
    root = Path(__file__).parent.parent.parent
    maturin = [sys.executable, "-m", "maturin", "sdist", "-o", str(tmp_path)]
    done = subprocess.run(maturin, capture_output=True, text=True, cwd=root / "python")
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(tmp_path.iterdir())) as archive:
        held = {name.split("/", 1)[-1] for name in archive.getnames()}
    for folder in ("scenarios", "studies", "policies"):
        files = [p for p in (root / folder).rglob("*") if p.is_file()]
        assert files
        assert {str(p.relative_to(root)) for p in files} <= held
    assert {"wayside/ray.py", "wayside/py.typed", "python/src/lib.rs", "crates/core/src/lib.rs"} <= held


def test_property_the_example_in_numpy_learns(tmp_path):
    example = Path(__file__).parent.parent / "examples" / "policy_gradient.py"
    done = subprocess.run(
        [sys.executable, example, "40000"], capture_output=True, text=True, cwd=tmp_path
    )
    # it ends in an assertion of its own
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the bound" in done.stdout
