"""How far long work is: a bar in a notebook or in a terminal, or a function of the caller's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Progress: TypeAlias = "bool | Callable[[int, int], object] | None"
"""``None``: a bar in notebooks; ``True``: a bar; ``False``: none; a function: called with what is done, and of how much."""

PATIENCE_S = 1.0
"""Work that ends sooner has no bar."""
INTERVAL_S = 0.2


def notebook() -> Any:
    """IPython's ``display``, where it shows HTML; else ``None``."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    return display


class Bar:
    """A bar, in a notebook or on stderr."""

    def __init__(self, things: str) -> None:
        self._things = things
        self._begun = self._shown = time.monotonic()
        self._display = notebook()
        self._handle: Any = None
        self._printed = False

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._begun < PATIENCE_S or now - self._shown < INTERVAL_S:
            return
        self._shown = now
        left = (now - self._begun) * (total - done) / done if done else None
        text = f"{done}/{total} {self._things}" + ("" if left is None else f", {left:.0f} s left")
        if self._display is None:
            filled = 40 * done // max(total, 1)
            print(f"\r[{'#' * filled:40}] {text}   ", end="", file=sys.stderr, flush=True)
            self._printed = True
            return
        shown = _Html(f'<progress value="{done}" max="{max(total, 1)}"></progress> {text}')
        if self._handle is None:
            self._handle = self._display(shown, display_id=True)
        else:
            self._handle.update(shown)

    def close(self) -> None:
        """Clear it."""
        if self._handle is not None:
            self._handle.update(_Html(""))
        if self._printed:
            print("\r" + " " * 90 + "\r", end="", file=sys.stderr, flush=True)


class _Html:
    """What a notebook shows as HTML."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text


@contextmanager
def following(progress: Progress, things: str) -> Iterator[Callable[[int, int], object] | None]:
    """What the work calls while it goes on, if anything."""
    if callable(progress):
        yield progress
        return
    if progress is False or (progress is None and notebook() is None):
        yield None
        return
    bar = Bar(things)
    try:
        yield bar
    finally:
        bar.close()
