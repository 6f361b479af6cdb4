"""Pictures of a slot, drawn with NumPy; a window if pygame is installed."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt

from wayside._native import Slot

SIZE = 480
MARGIN = 24

BACKGROUND = (250, 250, 248)
LINK = (200, 204, 210)
RANGE = (222, 226, 232)
RSU = (40, 44, 52)
UNDECIDED = (150, 150, 150)
LOCAL = (230, 159, 0)
ENTRY = (0, 114, 178)
MIGRATED = (204, 121, 167)
CLOUD = (0, 158, 115)

Image = npt.NDArray[np.uint8]


class Frame(NamedTuple):
    """A slot and its placements: int64 of shape ``(tasks, 2)``, a pair ``(entry, execution)`` per task."""

    slot: Slot
    placements: npt.NDArray[np.int64] | None


def draw(frame: Frame) -> Image:
    """The map, uint8 of shape ``(480, 480, 3)``, north up: RSUs with range and links, and the vehicles.

    The colour of a vehicle says where its last task runs: orange on the vehicle, blue on the RSU that received it,
    pink on another RSU, green in the cloud; grey before the decision.
    """
    slot, placements = frame
    rsus, vehicles = slot.rsus, slot.vehicles
    west, east = _span(rsus["x_m"], rsus["range_m"], vehicles["x_m"])
    south, north = _span(rsus["y_m"], rsus["range_m"], vehicles["y_m"])
    scale = (SIZE - 2 * MARGIN) / max(east - west, north - south)

    def pixel(x_m: npt.NDArray[np.float64], y_m: npt.NDArray[np.float64]) -> tuple[Any, Any]:
        column = 0.5 * SIZE + (x_m - 0.5 * (west + east)) * scale
        row = 0.5 * SIZE - (y_m - 0.5 * (south + north)) * scale
        return column, row

    image = np.empty((SIZE, SIZE, 3), dtype=np.uint8)
    image[:] = BACKGROUND
    at = pixel(rsus["x_m"], rsus["y_m"])
    for column, row, range_m in zip(*at, rsus["range_m"], strict=True):
        _ring(image, column, row, range_m * scale, RANGE)
    for a, b in slot.links:
        _line(image, (at[0][a], at[1][a]), (at[0][b], at[1][b]), LINK)
    for column, row in zip(*at, strict=True):
        _disc(image, column, row, 5.0, RSU)
    colours = np.array([UNDECIDED] * len(vehicles["x_m"]), dtype=np.uint8).reshape(-1, 3)
    if placements is not None:
        for vehicle, (entry, execution) in zip(slot.tasks["vehicle"], placements, strict=True):
            colours[vehicle] = (
                LOCAL if entry < 0 else CLOUD if execution < 0 else ENTRY if entry == execution else MIGRATED
            )
    for column, row, colour in zip(*pixel(vehicles["x_m"], vehicles["y_m"]), colours, strict=True):
        _disc(image, column, row, 3.0, tuple(colour))
    return image


def _span(
    places: npt.NDArray[np.float64], reach: npt.NDArray[np.float64], others: npt.NDArray[np.float64]
) -> tuple[float, float]:
    least = min((places - 0.25 * reach).min(), others.min(initial=np.inf))
    most = max((places + 0.25 * reach).max(), others.max(initial=-np.inf))
    return float(least), float(max(most, least + 1.0))


def _disc(image: Image, column: float, row: float, radius: float, colour: tuple[int, ...]) -> None:
    r = int(radius) + 1
    c0, r0 = round(column), round(row)
    rows = np.arange(max(r0 - r, 0), min(r0 + r + 1, SIZE))
    columns = np.arange(max(c0 - r, 0), min(c0 + r + 1, SIZE))
    if rows.size and columns.size:
        inside = (rows[:, None] - row) ** 2 + (columns - column) ** 2 <= radius**2
        image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][inside] = colour


def _ring(image: Image, column: float, row: float, radius: float, colour: tuple[int, ...]) -> None:
    angles = np.linspace(0.0, 2.0 * np.pi, max(int(6.3 * radius), 8))
    _dots(image, column + radius * np.cos(angles), row + radius * np.sin(angles), colour)


def _line(
    image: Image, a: tuple[float, float], b: tuple[float, float], colour: tuple[int, ...]
) -> None:
    count = int(max(abs(a[0] - b[0]), abs(a[1] - b[1]))) + 2
    _dots(image, np.linspace(a[0], b[0], count), np.linspace(a[1], b[1], count), colour)


def _dots(
    image: Image,
    columns: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    colour: tuple[int, ...],
) -> None:
    c, r = np.rint(columns).astype(int), np.rint(rows).astype(int)
    inside = (c >= 0) & (c < SIZE) & (r >= 0) & (r < SIZE)
    image[r[inside], c[inside]] = colour


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
