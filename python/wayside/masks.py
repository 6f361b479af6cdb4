"""Sampling and checking of masked actions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wayside._native import choose


class MaskedSampler:
    """Draws uniformly from the legal actions of every head.

    Gymnasium's ``MultiDiscrete.sample(mask=...)`` does the same head by head, which takes milliseconds for a hundred
    vehicles; this takes microseconds.

    Args:
        nvec: number of actions of every head, shape ``(heads,)``, as in ``action_space.nvec``.
    """

    def __init__(self, nvec: Sequence[int] | npt.NDArray[np.integer[Any]]) -> None:
        self._nvec = np.asarray(nvec, dtype=np.int64).ravel()

    def sample(
        self, mask: npt.NDArray[np.bool_], rng: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """One action per head.

        Args:
            mask: bool of shape ``(..., sum(nvec))``, head by head, as ``action_masks()`` returns it.
            rng: source of randomness.

        Returns:
            int64 of shape ``(..., heads)``.
        """
        shape = (*mask.shape[:-1], len(self._nvec))
        units = rng.random(math.prod(shape))
        return choose(mask.ravel(), self._nvec, units).reshape(shape)


class SpaceMask:
    """Masks in the form of ``action_space.sample(mask)``: int8, and for ``MultiDiscrete`` a tuple with one per head."""

    def __init__(self, nvec: Sequence[int], is_single: bool) -> None:
        ends = np.cumsum(nvec).tolist()
        self._heads = None if is_single else list(zip([0, *ends], ends))  # noqa: B905

    def of(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8] | tuple[npt.NDArray[np.int8], ...]:
        """Converts ``mask``, bool of shape ``(sum(nvec),)``, head by head, without a copy."""
        numbers = mask.view(np.int8)
        if self._heads is None:
            return numbers
        return tuple([numbers[start:end] for start, end in self._heads])


def integers(action: object, shape: tuple[int, ...], what: str) -> npt.NDArray[np.int64]:
    """``action`` as contiguous int64 of ``shape``.

    Raises:
        TypeError: not integers.
        ValueError: the wrong shape.
    """
    array = np.asarray(action)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what}: must be integers, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{what}: must be of shape {shape}, got {array.shape}")
    if array.dtype.kind == "u" and array.size and int(array.max()) > 2**62:
        raise ValueError(f"{what}: must be small, got {array.max()}")
    return np.ascontiguousarray(array, dtype=np.int64)
