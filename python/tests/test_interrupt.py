"""Ctrl-C in long calls, on the main thread and on others."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import wayside

HERE = Path(wayside.__file__).parent
LONG = {
    "run": "wayside.run('wang2025', 'price', seeds=range(100000), slots=100)",
    "benchmark": "wayside.benchmark(['price', 'local-search'], threads=1)",
    "train": "wayside.train('ppo', 'wang2025', out=OUT, total_timesteps=100_000_000)",
    "study": "wayside.study('wang2025', out=OUT)",
}
ALONE = """
try:
    print('begun', flush=True)
    {call}
except KeyboardInterrupt:
    print('stopped', flush=True)
"""
THREAD = """
from concurrent.futures import ThreadPoolExecutor

def work():
    print('begun', flush=True)
    {call}

try:
    # on its way out it waits for the thread
    with ThreadPoolExecutor() as pool:
        pool.submit(work).result()
except KeyboardInterrupt:
    print('stopped', flush=True)
"""
ENDING = """
import threading

def work():
    print('begun', flush=True)
    try:
        {call}
    except KeyboardInterrupt:
        print('stopped', flush=True)

# Python waits for it when the main thread has ended, as it does here at once
threading.Thread(target=work).start()
"""


def interrupted(code, name, tmp_path, ends_by_itself=False):
    """Presses Ctrl-C a second after the work began: seconds until the process ended, and what it printed."""
    code = code.format(call=LONG[name].replace("OUT", repr(str(tmp_path / "out"))))
    code = "import wayside\n" + code
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE.parent
    )
    try:
        assert process.stdout.readline() == "begun\n", process.stderr.read()
        time.sleep(1.0)
        if not ends_by_itself:
            assert process.poll() is None
            os.kill(process.pid, signal.SIGINT)
        pressed = time.monotonic()
        out, err = process.communicate(timeout=60)
        return time.monotonic() - pressed, out, err
    finally:
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise")
@pytest.mark.parametrize("where", ["main", "thread"])
@pytest.mark.parametrize("name", ["run", "benchmark", "train", "study"])
def test_property_ctrl_c_ends_long_calls(tmp_path, name, where):
    seconds, out, err = interrupted(ALONE if where == "main" else THREAD, name, tmp_path)
    assert out.endswith("stopped\n"), out + err
    # a second on an idle machine; the work itself takes minutes
    assert seconds < 8.0


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise")
def test_property_work_of_a_thread_ends_with_the_main_thread(tmp_path):
    """The end of the main thread is what is left of Ctrl-C there."""
    seconds, out, err = interrupted(ENDING, "run", tmp_path, ends_by_itself=True)
    assert out == "stopped\n", out + err
    assert seconds < 8.0
