"""The open benchmark: a fixed suite of tasks, and one score card for any policy."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from wayside import _native
from wayside._progress import Progress, following
from wayside.api import _named
from wayside.figures import Figure, image, table

if TYPE_CHECKING:
    from wayside.api import AnyPolicy


class ScoreCard:
    """What policies reached on the benchmark. Printing it shows a table.

    ``data`` is the content of ``score.json`` (``wayside schema score``), ``figure`` the gap of every policy in every task.
    """

    def __init__(self, text: str, shown: str, figure: _native.Figure | None = None) -> None:
        self.data: dict[str, Any] = json.loads(text)
        self._shown = shown
        self.figure = None if figure is None else Figure(figure)

    def result(self, policy: str, task: str) -> dict[str, Any]:
        """One policy in one task: ``gap``, ``on_time``, ``objective`` and others, each with ``mean`` and ``ci95``, and
        ``unplayable``, the reason where it could not play."""
        for entry in self.data["entries"]:
            for result in entry["results"]:
                if entry["policy"] == policy and result["task"] == task:
                    return dict(result)
        raise KeyError(f"the card has no {policy!r} in {task!r}")

    def gap(self, policy: str, task: str) -> float | None:
        """The mean gap to the certified bound, a share; ``None`` where the policy did not play."""
        gap = self.result(policy, task)["gap"]
        return None if gap is None else float(gap["mean"])

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"<ScoreCard of {', '.join(entry['policy'] for entry in self.data['entries'])}>"

    def _repr_html_(self) -> str:
        regimes = [regime["regime"] for entry in self.data["entries"][:1] for regime in entry["regimes"]]
        rows = [
            [entry["policy"], *(_percent(regime["gap"]) for regime in entry["regimes"]), _percent(entry["score"])]
            for entry in self.data["entries"]
        ]
        caption = f"{self._shown.splitlines()[0]}: mean gap to the certificate in %"
        shown = table(["policy", *regimes, "score"], rows, caption)
        return shown + ("" if self.figure is None else image(self.figure))


def _percent(estimate: dict[str, Any] | None) -> str:
    return "-" if estimate is None else f"{100 * estimate['mean']:.3g}"


def benchmark(
    policies: AnyPolicy | Sequence[AnyPolicy],
    *,
    tasks: Iterable[str] = (),
    quick: bool = False,
    tuning: bool = False,
    threads: int = 0,
    timing: bool = True,
    out: str | os.PathLike[str] | None = None,
    record: bool = False,
    force: bool = False,
    progress: Progress = None,
) -> ScoreCard:
    """Score policies on the open benchmark.

    Every policy plays each task that it can; the card says why it does not play the others. Gaps are measured to certified
    lower bounds, so 0 cannot be beaten.

    Args:
        policies: as for :func:`wayside.run`: names, files, and policies of your own.
        tasks: names of tasks; by default all.
        quick: two seeds and fewer slots, for a first look.
        tuning: the seeds to develop and train with, in place of those of the score.
        threads: how many seeds run at a time, 0 for one per core; this never changes a result.
        timing: whether to keep decision times, the only numbers that differ between two runs.
        out: folder for ``score.json``, ``score.csv``, the figure and a manifest.
        record: whether ``out`` also gets every slot and decision, for ``benchmark/evaluate.py``.
        force: whether other results in ``out`` may be replaced.
        progress: by default a bar in notebooks; ``True`` for a bar, ``False`` for none, or a function that is called with
            the number of slots that are done, and of how many.

    Raises:
        ValueError: bad input, such as an unknown task.
        OSError: a file that cannot be read or written.
        KeyboardInterrupt: after Ctrl-C, before the next slot.
    """
    single = isinstance(policies, (str, os.PathLike, type)) or hasattr(policies, "decide")
    single = single or hasattr(policies, "form")
    entrants: list[Any] = [policies] if single else list(policies)  # type: ignore[arg-type]
    with following(progress, "slots") as call:
        return ScoreCard(
            *_native.benchmark(
                [_named(entrant) for entrant in entrants],
                list(tasks),
                quick,
                tuning,
                threads,
                timing,
                None if out is None else os.fspath(out),
                record,
                force,
                call,
            )
        )
