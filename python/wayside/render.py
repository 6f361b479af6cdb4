"""Pictures of a slot; a window if pygame is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt

from wayside._native import Slot, pixels

SIZE = 480
HEAD = 40
MARGIN = 24
MOST_LINES = 1000
"""With more tasks, lines to where they run would hide the map."""

BACKGROUND = "#fafaf8"
INK = "#282c34"
LINK = "#c8ccd2"
RANGE = "#dee2e8"
UNDECIDED = "#969696"
LOCAL = "#e69f00"
ENTRY = "#0072b2"
MIGRATED = "#cc79a7"
CLOUD = "#009e73"
SIGNS = {"on the vehicle": LOCAL, "at the RSU": ENTRY, "migrated": MIGRATED, "cloud": CLOUD}

Image = npt.NDArray[np.uint8]


class Frame(NamedTuple):
    """A slot, which one it is, and, once it is decided, what became of it."""

    slot: Slot
    seed: int
    number: int
    placements: npt.NDArray[np.int64] | None = None
    """int64 of shape ``(tasks, 2)``, a pair ``(entry, execution)`` per task."""
    figures: Mapping[str, float] = {}
    """As ``info`` has them."""


def draw(frame: Frame) -> Image:
    """The slot as a map, uint8 of shape ``(480, 480, 3)``, north up, below a line of figures: see :func:`svg`."""
    return pixels(svg(frame), SIZE, SIZE)


def svg(frame: Frame) -> str:
    """The same as SVG: RSUs with range, load and links, the vehicles, and where their tasks run.

    The colour of a vehicle says where its last task runs: orange on the vehicle, blue on the RSU that received it,
    pink on another RSU, green in the cloud; grey before the decision. Lines go from a vehicle to the RSU that received its task, and
    from there to the one that executes it. An RSU is filled by its load: the cycles that were placed there, of those
    that its free CPU has in a slot.
    """
    slot, placements = frame.slot, frame.placements
    rsus, vehicles = slot.rsus, slot.vehicles
    west, east = _span(rsus["x_m"], rsus["range_m"], vehicles["x_m"])
    south, north = _span(rsus["y_m"], rsus["range_m"], vehicles["y_m"])
    scale = (SIZE - HEAD - 2 * MARGIN) / max(east - west, north - south)

    def place(of: Mapping[str, npt.NDArray[np.float64]]) -> list[tuple[float, float]]:
        x = 0.5 * SIZE + (of["x_m"] - 0.5 * (west + east)) * scale
        y = HEAD + 0.5 * (SIZE - HEAD) - (of["y_m"] - 0.5 * (south + north)) * scale
        return list(zip(x.tolist(), y.tolist(), strict=True))

    sites, cars = place(rsus), place(vehicles)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" font-family="Arimo" fill="none">',
        f'<rect width="{SIZE}" height="{SIZE}" fill="{BACKGROUND}"/>',
    ]
    for (x, y), range_m in zip(sites, rsus["range_m"].tolist(), strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{range_m * scale:.1f}" stroke="{RANGE}"/>')
    parts += [_line(sites[a], sites[b], LINK, 1.0) for a, b in slot.links]
    colours = [UNDECIDED] * len(cars)
    loads = np.zeros(len(sites))
    if placements is not None:
        tasks = slot.tasks
        for vehicle, (entry, execution) in zip(tasks["vehicle"].tolist(), placements.tolist(), strict=True):
            colours[vehicle] = (
                LOCAL if entry < 0 else CLOUD if execution < 0 else ENTRY if entry == execution else MIGRATED
            )
            if len(placements) <= MOST_LINES and entry >= 0:
                parts.append(_line(cars[vehicle], sites[entry], colours[vehicle], 0.7))
                if execution >= 0 and execution != entry:
                    parts.append(_line(sites[entry], sites[execution], colours[vehicle], 1.6))
        at_rsu = placements[:, 1] >= 0
        np.add.at(loads, placements[at_rsu, 1], tasks["cycles"][at_rsu])
        loads /= np.maximum(rsus["available_cpu_hz"] * slot.slot_s, 1.0)
    for (x, y), load in zip(sites, loads.tolist(), strict=True):
        parts.append(_site(x, y, load))
    for (x, y), colour in zip(cars, colours, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
    return "\n".join([*parts, _head(frame, loads), "</svg>"])


def _span(
    places: npt.NDArray[np.float64], reach: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> tuple[float, float]:
    least = min((places - 0.25 * reach).min(), others.min(initial=np.inf))
    most = max((places + 0.25 * reach).max(), others.max(initial=-np.inf))
    return float(least), float(max(most, least + 1.0))


def _line(a: tuple[float, float], b: tuple[float, float], colour: str, width: float) -> str:
    return (
        f'<path d="M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" stroke="{colour}" '
        f'stroke-width="{width}" stroke-opacity=".8"/>'
    )


def _site(x: float, y: float, load: float) -> str:
    """An RSU as a box that is filled from below."""
    half = 7.0
    full = 2.0 * half * min(load, 1.0)
    return (
        f'<rect x="{x - half:.1f}" y="{y - half:.1f}" width="{2 * half}" height="{2 * half}" fill="white"/>'
        f'<rect x="{x - half:.1f}" y="{y + half - full:.1f}" width="{2 * half}" height="{full:.1f}" fill="{INK}"/>'
        f'<rect x="{x - half:.1f}" y="{y - half:.1f}" width="{2 * half}" height="{2 * half}" stroke="{INK}"/>'
    )


def _head(frame: Frame, loads: npt.NDArray[np.float64]) -> str:
    """The line of figures, and what the colours mean."""
    words = [f"seed {frame.seed}", f"slot {frame.number}"]
    figures = frame.figures
    if figures:
        words.append(f"J {figures['objective']:.4f}")
        if "lower_bound" in figures:
            words.append(f"bound {figures['lower_bound']:.4f}")
        words.append(f"on time {figures['deadline_met']:.0f} of {figures['tasks']:.0f}")
        words.append(f"load {loads.mean():.0%}, at most {loads.max():.0%}")
    line = "&#160;&#160; ".join(words)
    parts = [
        f'<rect width="{SIZE}" height="{HEAD}" fill="{BACKGROUND}"/>',
        f'<text x="8" y="16" font-size="12" fill="{INK}">{line}</text>',
    ]
    x = 12.0
    for name, colour in SIGNS.items():
        parts.append(f'<circle cx="{x}" cy="30" r="3" fill="{colour}"/>')
        parts.append(f'<text x="{x + 7}" y="34" font-size="11" fill="{INK}">{name}</text>')
        x += 20.0 + 5.8 * len(name)
    parts.append(_site(x + 3, 30, 0.5))
    parts.append(f'<text x="{x + 14}" y="34" font-size="11" fill="{INK}">RSU, filled by its load</text>')
    return "\n".join(parts)


class Window:
    """A pygame window."""

    def __init__(self, fps: int) -> None:
        try:
            import pygame
        except ImportError as e:
            raise gymnasium.error.DependencyNotInstalled(
                'render_mode="human" needs pygame: pip install "wayside[render]"'
            ) from e
        self._pygame: Any = pygame
        self._fps = fps
        pygame.display.init()
        self._screen: Any = pygame.display.set_mode((SIZE, SIZE))
        pygame.display.set_caption("Wayside")
        self._clock: Any = pygame.time.Clock()

    def show(self, image: Image) -> None:
        """Show one picture, and wait as the frame rate requires."""
        surface = self._pygame.surfarray.make_surface(image.swapaxes(0, 1))
        self._screen.blit(surface, (0, 0))
        self._pygame.event.pump()
        self._pygame.display.flip()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()
