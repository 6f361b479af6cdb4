"""Studies on this machine."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any, TypeAlias

from wayside import _native

Block: TypeAlias = "tuple[int, int, list[int]]"
Plan: TypeAlias = "tuple[str, str, str, bool]"
"""Everything that a worker needs to read the study: file, text, folder, quick."""


@functools.cache
def _program() -> str:
    """Identifies the engine by a hash of its bytes: other builds may give other numbers."""
    file = _native.__file__
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return f"{_native.__version__} {digest}"


@functools.lru_cache(maxsize=4)
def _study(plan: Plan) -> _native.Study:
    return _native.Study(*plan, _program())


def _plan(study: str | Path, quick: bool) -> Plan:
    text = _native.Study.builtin(study) if isinstance(study, str) else None
    if text is not None:
        return f"{study} (built-in)", text, "", quick
    path = Path(study)
    return str(path), path.read_text(encoding="utf-8"), str(path.resolve().parent), quick


def study(
    study: str | Path,
    *,
    out: str | os.PathLike[str],
    quick: bool = False,
    force: bool = False,
    threads: int = 0,
) -> list[dict[str, Any]]:
    """Run a study, as ``wayside study`` does, without the GIL. Blocks that ``out`` already holds are not run again.

    :func:`wayside.ray.study` runs the same on a cluster, and either goes on with what the other has left.

    Args:
        study: a TOML file, or the name of a built-in one.
        out: folder for the results, as in ``wayside study --out``.
        quick: fewer cells and seeds.
        force: whether another study in ``out`` may be replaced.
        threads: how many blocks run at a time, 0 for one per core; this never changes a result.

    Returns:
        The claims with their verdicts, as in ``claims.json``.

    Raises:
        ValueError: an invalid study.
        OSError: a file that cannot be read or written.
        KeyboardInterrupt: after Ctrl-C. Finished blocks are kept, and the same call continues from there.
    """
    ours = _study(_plan(study, quick)).open(os.fspath(out), force)
    try:
        ours.run(threads)
        claims: list[dict[str, Any]] = json.loads(ours.finish())
        for path in ours.damaged():
            warnings.warn(f"{path}: was damaged; its seeds were run again", stacklevel=2)
    finally:
        ours.close()
    return claims
