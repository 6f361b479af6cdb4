"""The running centre against its own description: schemathesis asks every route that /openapi.json names, with what it allows and what it does not."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

PROGRAM = os.environ.get("WAYSIDE_BIN")
# beside the interpreter of the tests
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"

pytestmark = pytest.mark.skipif(not PROGRAM, reason="WAYSIDE_BIN names no program")


@pytest.fixture(scope="module")
def centre():
    """The address of a centre."""
    command = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--policy", "nearest"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().split()[-1]
        server.terminate()


def ask(schema: str, *more: str) -> subprocess.CompletedProcess:
    """Asks every route but the stream of events, which has no end."""
    command = [SCHEMATHESIS, "run", schema, "--seed", "1", "--checks", CHECKS]
    command += ["--exclude-path", "/v1/events", "--request-timeout", "20", "--no-color", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_property_every_answer_is_described_and_none_is_5xx(centre):
    ran = ask(f"{centre}/openapi.json", "--phases", "coverage,fuzzing", "--max-examples", "5")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # a thousand or so: none of the phases was left out
    assert int(re.search(r"(\d+) generated, ", ran.stdout)[1]) > 500, ran.stdout


def test_property_what_is_not_described_is_found(centre, tmp_path):
    with urllib.request.urlopen(f"{centre}/openapi.json") as answer:
        description = json.load(answer)
    del description["paths"]["/v1/tasks"]["post"]["responses"]["422"]
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(description))
    ran = ask(str(file), "--url", centre, "--include-path", "/v1/tasks", "--phases", "coverage")
    assert ran.returncode == 1 and "Undocumented status code" in ran.stdout, ran.stdout
