"""Studies on this machine."""

from __future__ import annotations

import functools
import json
import os
import warnings
from pathlib import Path
from typing import Any, TypeAlias

from wayside import _native
from wayside._progress import Progress, following
from wayside.figures import Figures, image, table

Block: TypeAlias = "tuple[int, int, list[int]]"
Plan: TypeAlias = "tuple[str, str, str, bool]"
"""Everything that a worker needs to read the study: file, text, folder, quick."""


class Claims(list[dict[str, Any]]):
    """The claims of a study with their verdicts, as in ``claims.json``; a notebook shows them with the figures.

    ``figures`` holds the figures of the study by name.
    """

    def __init__(self, finished: tuple[str, list[tuple[str, _native.Figure]]]) -> None:
        super().__init__(json.loads(finished[0]))
        self.figures = Figures(finished[1])

    def _repr_html_(self) -> str:
        rows = [[str(claim.get(name, "")) for name in ("id", "claim", "verdict")] for claim in self]
        shown = table(["id", "claim", "verdict"], rows, f"{len(self)} claims")
        return shown + "".join(map(image, self.figures.values()))


@functools.lru_cache(maxsize=4)
def _study(plan: Plan) -> _native.Study:
    return _native.Study(*plan)


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
    progress: Progress = None,
) -> Claims:
    """Run a study, as ``wayside study`` does, without the GIL. Blocks that ``out`` already holds are not run again.

    :func:`wayside.ray.study` runs the same on a cluster, and either goes on with what the other has left.

    Args:
        study: a TOML file, or the name of a built-in one.
        out: folder for the results, as in ``wayside study --out``.
        quick: fewer cells and seeds.
        force: whether another study in ``out`` may be replaced.
        threads: how many blocks run at a time, 0 for one per core; this never changes a result.
        progress: by default a bar in notebooks; ``True`` for a bar, ``False`` for none, or a function that is called with
            the number of blocks that are done, and of how many.

    Returns:
        The claims with their verdicts, as in ``claims.json``, and the figures: see :class:`Claims`.

    Raises:
        ValueError: an invalid study.
        OSError: a file that cannot be read or written.
        KeyboardInterrupt: after Ctrl-C. Finished blocks are kept, and the same call continues from there.
    """
    ours = _study(_plan(study, quick)).open(os.fspath(out), force)
    try:
        with following(progress, "blocks") as call:
            ours.run(threads, call)
        claims = Claims(ours.finish())
        for path in ours.damaged():
            warnings.warn(f"{path}: was damaged; its seeds were run again", stacklevel=2)
    finally:
        ours.close()
    return claims
