"""Studies on a Ray cluster: ``pip install wayside[ray]``.

A study is cut into blocks of seeds of one cell, as ``wayside study`` cuts it. Each block is a Ray task that runs the Rust
engine and answers with its part: the bytes of the file that keeps it. This process keeps the parts in the study's
folder, judges the claims on them, asks for the blocks that undecided claims need, and writes the results: the same
bytes as ``wayside study``, whatever ran where and however often.

Every node needs the same build of Wayside, which is checked, and the files that the study names at the same path.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import ray

from wayside import _native

__all__ = ["study"]

Block: TypeAlias = "tuple[int, int, list[int]]"
Plan: TypeAlias = "tuple[str, str, str, bool]"
"""What makes the study anywhere: file, text, folder, quick."""


@functools.cache
def _program() -> str:
    """Which engine this is, by its bytes: another one may find other numbers."""
    file = _native.__file__
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return f"{_native.__version__} {digest}"


@functools.lru_cache(maxsize=4)
def _study(plan: Plan) -> _native.Study:
    return _native.Study(*plan, _program())


def _run(plan: Plan, block: Block) -> tuple[str, bytes]:
    """A block, on a worker."""
    return _study(plan).run(block)


def _plan(study: str | Path, quick: bool) -> Plan:
    text = _native.Study.builtin(study) if isinstance(study, str) else None
    if text is not None:
        return f"{study} (built-in)", text, "", quick
    path = Path(study)
    return str(path), path.read_text(encoding="utf-8"), str(path.resolve().parent), quick


def _anywhere(
    plan: Plan, blocks: list[Block], retries: int
) -> Iterator[tuple[Block, tuple[str, bytes]]]:
    """The parts of ``blocks``, in the order in which they are finished."""
    task = ray.remote(num_cpus=1, max_retries=retries)(_run)
    shared = ray.put(plan)
    running = {task.remote(shared, block): block for block in blocks}
    try:
        while running:
            for finished in ray.wait(list(running))[0]:
                yield running.pop(finished), ray.get(finished)
    except ray.exceptions.RayTaskError as e:
        # as it was raised on the worker
        raise e.cause from None
    finally:
        for left in running:
            ray.cancel(left)


def study(
    study: str | Path,
    *,
    out: str | os.PathLike[str],
    address: str | None = None,
    quick: bool = False,
    force: bool = False,
    retries: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Run a study on a Ray cluster; what ``out`` holds of it already is not run again.

    Args:
        study: a TOML file, or the name of a built-in one.
        out: folder for the results, on the machine of this process, as of ``wayside study --out``.
        address: of the cluster, as ``ray.init`` takes it; a cluster of this machine alone where there is none.
            A process that is connected already stays connected to what it is.
        quick: fewer cells and seeds.
        force: whether ``out`` may hold another study.
        retries: how often a block is run again whose worker or node was lost.
        progress: called with the blocks finished and those known to be needed.

    Returns:
        The claims with their verdicts, as ``claims.json`` holds them.

    Raises:
        ValueError: what is wrong with the study, or a node with another build of Wayside.
        OSError: what cannot be read or written.
        ray.exceptions.RayError: a block that was lost more than ``retries`` times.
        KeyboardInterrupt: after Ctrl-C; what is finished is kept, and the same call goes on from there.
    """
    plan, folder = _plan(study, quick), os.fspath(out)
    ours = _study(plan).open(folder, force)
    connected = ray.is_initialized()
    try:
        if not connected:
            ray.init(address=address)
        done = 0
        while blocks := ours.missing():
            needed = done + len(blocks)
            for block, (name, part) in _anywhere(plan, blocks, retries):
                ours.keep(block, name, part)
                done += 1
                if progress is not None:
                    progress(done, needed)
        claims: list[dict[str, Any]] = json.loads(ours.finish())
    finally:
        for path in ours.damaged():
            warnings.warn(f"{path}: was damaged; its seeds were run again", stacklevel=2)
        ours.close()
        if not connected:
            ray.shutdown()
    return claims
