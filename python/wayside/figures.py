"""Figures as objects."""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wayside import _native

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("svg", "pdf", "png", "csv", "tex")
"""Kinds of files that a figure is written as."""


class Figure:
    """A figure, which a notebook shows.

    =============  ==============================================================================================
    ``id``         its name, such as ``"gap"``
    ``title``      what it shows, in a line
    ``caption``    how to read it
    ``svg``        text of the SVG, sized for a column of a paper
    ``data``       all that is drawn: axes ``x`` and ``y``, ``series`` with their points, ``references``, ``published``
    =============  ==============================================================================================
    """

    __slots__ = ("_data", "_native")

    def __init__(self, native: _native.Figure) -> None:
        self._native = native
        self._data: dict[str, Any] = json.loads(native.data_json())

    @property
    def id(self) -> str:
        """Its name."""
        name: str = self._data["id"]
        return name

    @property
    def title(self) -> str:
        """What it shows, in a line."""
        title: str = self._data["title"]
        return title

    @property
    def caption(self) -> str:
        """How to read it."""
        caption: str = self._data["caption"]
        return caption

    @property
    def data(self) -> dict[str, Any]:
        """All that is drawn."""
        return self._data

    @property
    def svg(self) -> str:
        """Text of the SVG."""
        return self._native.svg()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as the kind of file that the name says: ``.svg``, ``.pdf``, ``.png``, ``.csv`` or ``.tex`` (pgfplots).

        Raises:
            ValueError: another kind of file.
            OSError: the file cannot be written.
        """
        kind = Path(path).suffix.lstrip(".")
        content = self._native.file(kind)
        if content is None:
            raise ValueError(f"path: must end with one of {', '.join(KINDS)}, got {os.fspath(path)}")
        Path(path).write_bytes(content)

    def axes(self, ax: Axes | None = None) -> Axes:
        """Draw it with matplotlib, to go on from there.

        Args:
            ax: axes to draw into; by default those of a new figure.

        Raises:
            ImportError: matplotlib is not installed.
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        for series in self._data["series"]:
            _draw(ax, series, bool(self._data["y"]["categories"]))
        for reference in self._data["references"]:
            low, high = reference["zone"]
            line, zone = (ax.axvline, ax.axvspan) if reference["of"] == "x" else (ax.axhline, ax.axhspan)
            if low == high:
                line(low, color="0.5", linestyle="--", label=reference["label"])
            else:
                zone(low, high, color="0.9", label=reference["label"])
        for point in self._data["published"]:
            ax.plot(point["x"], point["y"], "kx", label=f"{point['series']}, {point['source']}")
        _set(ax, "x", self._data["x"])
        _set(ax, "y", self._data["y"])
        ax.set_title(self.title)
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
        return ax

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Figure({self.id!r}, {self.title!r})"


def _draw(ax: Axes, series: Mapping[str, Any], is_horizontal: bool) -> None:
    """One series, with its intervals."""
    points = series["points"]
    x, y = [p["x"] for p in points], [p["y"] for p in points]
    style = "o-" if series["joined"] else "o"
    (line,) = ax.plot(x, y, style, markersize=4, label=series["name"])
    values = x if is_horizontal else y
    ends = [p["interval"] or [v, v] for p, v in zip(points, values, strict=True)]
    if any(p["interval"] for p in points):
        low = [max(v - e[0], 0.0) for v, e in zip(values, ends, strict=True)]
        high = [max(e[1] - v, 0.0) for v, e in zip(values, ends, strict=True)]
        errors: dict[str, Any] = {"xerr" if is_horizontal else "yerr": [low, high]}
        ax.errorbar(x, y, fmt="none", ecolor=line.get_color(), capsize=2, **errors)


def _set(ax: Axes, which: str, axis: Mapping[str, Any]) -> None:
    """Label, scale and ticks of an axis."""
    getattr(ax, f"set_{which}label")(axis["title"])
    if axis["scale"] == "log":
        getattr(ax, f"set_{which}scale")("log")
    if axis["limits"] is not None:
        low, high = axis["limits"]
        getattr(ax, f"set_{which}lim")(low, high)
    names = axis["categories"]
    if names:
        getattr(ax, f"set_{which}ticks")(range(len(names)), names)
        if which == "y":
            # the first name is at the top
            ax.set_ylim(len(names) - 0.5, -0.5)


class Figures(Mapping[str, Figure]):
    """Figures by name; a notebook shows them all. ``figures.gap`` is ``figures["gap"]``."""

    def __init__(self, figures: Iterable[tuple[str, _native.Figure]]) -> None:
        self._figures = {name: Figure(native) for name, native in figures}

    def __getitem__(self, name: str) -> Figure:
        return self._figures[name]

    def __getattr__(self, name: str) -> Figure:
        figures: dict[str, Figure] = self.__dict__.get("_figures", {})
        for known in (name, name.replace("_", "-")):
            if known in figures:
                return figures[known]
        raise AttributeError(f"there is no figure {name!r}, but {', '.join(figures)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __repr__(self) -> str:
        return f"Figures({', '.join(self._figures)})"

    def _repr_html_(self) -> str:
        return "".join(map(image, self.values()))


def image(figure: Figure) -> str:
    """The figure as HTML, with its caption. As an image, for styles of one SVG reach into others."""
    data = base64.b64encode(figure.svg.encode()).decode()
    title, caption = html.escape(figure.title), html.escape(figure.caption)
    return (
        '<figure style="display:inline-block;margin:.5em;max-width:28em;vertical-align:top">'
        f'<img style="background:white" alt="{title}" src="data:image/svg+xml;base64,{data}">'
        f'<figcaption style="font-size:smaller">{caption}</figcaption></figure>'
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """A table as HTML. The first column has names, the others numbers."""

    def cells(kind: str, line: Sequence[str]) -> str:
        align = ["left"] + ["right"] * (len(line) - 1)
        marked = zip(align, line, strict=True)
        made = (f'<{kind} style="text-align:{at}">{html.escape(text)}</{kind}>' for at, text in marked)
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(cells("td", row) for row in rows)
    return (
        f'<table><caption style="caption-side:top;text-align:left">{html.escape(caption)}</caption>'
        f"<thead>{cells('th', header)}</thead><tbody>{body}</tbody></table>"
    )
