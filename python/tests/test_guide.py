"""The Python code of the guide runs, and prints what the guide says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"


def test_own_policy(capsys: pytest.CaptureFixture[str]) -> None:
    page = (GUIDE / "own-policy.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert block is not None
    code = block.group(1)
    said = re.search(r"# ([0-9., ]+)$", code, re.MULTILINE)
    assert said is not None
    exec(compile(code, "own-policy.md", "exec"), {})
    gaps = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert [f"{gap:.4f}" for gap in gaps] == said.group(1).split(", ")
