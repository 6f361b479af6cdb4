"""Reads seeds from integers or text."""

from __future__ import annotations

import operator
from collections.abc import Iterable

MOST = 2**63 - 1


def seed_of(seed: object, what: str) -> int:
    """One seed.

    Raises:
        TypeError: not an integer.
        ValueError: out of range.
    """
    try:
        number = operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what}: must be an integer, got {seed!r}") from None
    if not 0 <= number <= MOST:
        raise ValueError(f"{what}: must be in 0..{MOST}, got {number}")
    return number


def seeds_of(seeds: str | Iterable[int]) -> list[int]:
    """Seeds from integers, or from text as on the command line, ``"0..9"`` or ``"3,7"``."""
    if isinstance(seeds, str):
        return _parse(seeds)
    try:
        several = list(seeds)
    except TypeError:
        message = f'seeds: must be integers, as in range(10), or text as in "0..9", got {seeds!r}'
        raise ValueError(message) from None
    return [seed_of(seed, f"seeds[{i}]") for i, seed in enumerate(several)]


def _parse(text: str) -> list[int]:
    ends = text.split("..")
    words = ends if len(ends) == 2 else text.split(",")
    if not all(word.strip().isascii() and word.strip().isdigit() for word in words):
        raise ValueError(f'seeds: must be as in "0..9" or "3,7", got {text!r}')
    numbers = [seed_of(int(word), "seeds") for word in words]
    if len(ends) != 2:
        return numbers
    first, last = numbers
    if last < first:
        raise ValueError(f"seeds: the first must not be above the last, got {text!r}")
    if last - first >= 10_000_000:
        raise ValueError(f"seeds: must be at most 10000000, got {text!r}")
    return list(range(first, last + 1))
