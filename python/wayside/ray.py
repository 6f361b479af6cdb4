"""Studies on a Ray cluster: ``pip install wayside[ray]``.

A study is divided into blocks, each some seeds of one cell, as in ``wayside study``. Each block is a Ray task that runs
the Rust engine and returns the bytes of the file for that block. This process stores these files in the study's folder,
judges the claims on them, asks for more blocks where claims are undecided, and writes the results. They have the same
bytes as those of ``wayside study``, wherever the blocks ran and however often.

Every node needs the same build of Wayside, which is checked, and the files that the study names at the same path.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import ray

from wayside.studying import Block, Claims, Plan, _plan, _study

__all__ = ["study"]

def _run(plan: Plan, block: Block) -> tuple[str, bytes]:
    """Run a block, on a worker."""
    return _study(plan).run(block)


def _anywhere(
    plan: Plan, blocks: list[Block], retries: int
) -> Iterator[tuple[Block, tuple[str, bytes]]]:
    """The files of ``blocks``, in the order in which they are finished."""
    task = ray.remote(num_cpus=1, max_retries=retries)(_run)
    shared = ray.put(plan)
    running = {task.remote(shared, block): block for block in blocks}
    try:
        while running:
            for finished in ray.wait(list(running))[0]:
                yield running.pop(finished), ray.get(finished)
    except ray.exceptions.RayTaskError as e:
        # raise the exception of the worker itself
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
) -> Claims:
    """Run a study on a Ray cluster. Blocks that ``out`` already holds are not run again.

    Args:
        study: a TOML file, or the name of a built-in one.
        out: folder for the results, on the machine of this process, as in ``wayside study --out``.
        address: address of the cluster, as for ``ray.init``; without one a cluster on this machine is started. A
            process that is already connected to a cluster uses that one.
        quick: fewer cells and seeds.
        force: whether another study in ``out`` may be replaced.
        retries: how often a block is run again if its worker or node is lost.
        progress: called with the number of finished blocks and the number known to be needed.

    Returns:
        The claims with their verdicts, as in ``claims.json``.

    Raises:
        ValueError: an invalid study, or a node with another build of Wayside.
        OSError: a file that cannot be read or written.
        ray.exceptions.RayError: a block that was lost more than ``retries`` times.
        KeyboardInterrupt: after Ctrl-C. Finished blocks are kept, and the same call continues from there.
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
        claims = Claims(ours.finish())
    finally:
        for path in ours.damaged():
            warnings.warn(f"{path}: was damaged; its seeds were run again", stacklevel=2)
        ours.close()
        if not connected:
            ray.shutdown()
    return claims
