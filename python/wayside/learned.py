"""Trained policies as objects, and policies that act as in an environment."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from wayside import _native
from wayside.scenario import Scenario, scenario_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from wayside.api import Answer

Form: TypeAlias = Literal["flat", "shared", "sequential"]
"""Forms of observations and actions, see :class:`wayside.env.OffloadingEnv`."""
Mask: TypeAlias = "npt.NDArray[np.bool_] | npt.NDArray[np.int8] | tuple[npt.NDArray[np.int8], ...]"
"""``action_masks()``, or ``info["action_mask"]``."""


class TrainedPolicy:
    """A trained policy, for ``wayside.run`` and ``wayside.decide``, for an environment, and for other frameworks.

    =================  =========================================================================================
    ``name``           name in results: that of a built-in policy, or the path
    ``form``           ``"flat"``, ``"shared"`` or ``"sequential"``: that of the environment it acts in;
                       ``"plan"`` for LySAC
    ``card``           where it comes from and what it can serve: scenario, options, score
    ``network``        ``row_width``, ``hidden``, ``logits_per_row``, ``activation`` and other sizes of the network
    =================  =========================================================================================
    """

    __slots__ = ("_native",)

    def __init__(self, native: _native.Learned) -> None:
        self._native = native

    @property
    def name(self) -> str:
        """Name in results."""
        return self._native.name

    @property
    def form(self) -> str:
        """Form of its observations."""
        return self._native.form

    @property
    def card(self) -> dict[str, Any]:
        """Where it comes from and what it can serve."""
        card: dict[str, Any] = json.loads(self._native.card_json())
        return card

    @property
    def network(self) -> dict[str, Any]:
        """Sizes of its network."""
        network: dict[str, Any] = json.loads(self._native.network_json())
        return network

    def decide(self, slot: _native.Slot, /) -> Answer:
        """Place all tasks of ``slot``, as in a run: ``placements`` int64 of shape ``(tasks, 2)``, and where it has such rules,
        ``minimum_hz`` [Hz] or ``paths``."""
        answer: Any = _native.place(slot, self)
        found: Answer = answer
        return found

    def act(
        self, observation: npt.NDArray[np.float32], mask: Mask | None = None
    ) -> npt.NDArray[np.int64] | npt.NDArray[np.float32]:
        """The likeliest legal action of every head.

        Args:
            observation: float32 of the shape of ``observation_space``, or with further dimensions before it.
            mask: which actions are legal; ``None`` for all. In further dimensions only as ``action_masks()``.

        Returns:
            int64 ``(heads,)``, ``()`` for ``sequential``, after further dimensions; of a LySAC policy float32
            ``(actions,)`` in [-1, 1].
        """
        import numpy as np

        rows = np.asarray(observation, dtype=np.float32)
        dimensions = 1 if self.form in ("flat", "plan") else 2
        if rows.ndim < dimensions:
            raise ValueError(f"observation: must have at least {dimensions} dimensions, got {rows.ndim}")
        batch = rows.shape[: rows.ndim - dimensions]
        flat = np.ascontiguousarray(rows.reshape(-1, rows.shape[-1]))
        logits = self._native.logits(flat)
        if self.form == "plan":
            means = logits[:, : logits.shape[1] // 2]
            return np.tanh(means).reshape(*batch, -1)
        logits = logits.reshape(math.prod(batch), -1)
        if mask is not None:
            legal = np.concatenate(mask) if isinstance(mask, tuple) else np.asarray(mask)
            logits = np.where(legal.astype(np.bool_).reshape(logits.shape), logits, -np.inf)
        if self.form == "sequential":
            chosen: npt.NDArray[np.int64] = logits.argmax(axis=1)
            return chosen.reshape(batch)
        heads = self._native.heads
        places = logits.shape[1] // sum(heads)
        tasks = logits.reshape(len(logits), places, -1)
        ends = np.cumsum(heads)
        parts = np.split(tasks, ends[:-1], axis=2)
        choices = np.stack([part.argmax(axis=2) for part in parts], axis=2)
        return choices.reshape(*batch, -1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the policy file, whole or not at all."""
        self._native.save(os.fspath(path))

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network as an ONNX model, whole or not at all: ``pip install wayside[onnx]``.

        ===============  ==============================================================================================
        ``observation``  input, float32 ``(batch, rows, features)``, ``(batch, features)`` for ``flat`` and ``plan``
        ``action_mask``  input, bool ``(batch, sum(nvec))``, head by head, as ``action_masks()``; not for ``plan``
        ``logits``       output, float32 ``(batch, logits)``, row by row; of ``plan`` means, then logarithms of deviations
        ``action``       output, what :meth:`act` chooses: int64 ``(batch, heads)``, ``(batch,)`` for ``sequential``, float32
                         ``(batch, actions)`` in [-1, 1] for ``plan``
        ===============  ==============================================================================================

        Its metadata holds ``form`` and ``card``.

        Raises:
            ImportError: the package onnx is not installed.
            ValueError: a network of an architecture that is not Wayside's own.
            OSError: a file that cannot be written.
        """
        from wayside.exporting import export

        export(self, path)

    def state_dict(self) -> dict[str, npt.NDArray[np.float32]]:
        """All tensors by name, as PyTorch lays them out: weights float32 of shape ``(outputs, inputs)``, biases ``(outputs,)``.

        Every row of an observation runs through ``trunk.0``, ``trunk.1``, ... (each followed by ``network["activation"]``), then
        ``head.0``, which gives its logits; ``value.*`` is the critic. Where there is a ``normaliser.rows.mean``, a row is
        first ``clip((row - mean) / sqrt(variance + 1e-8), -10, 10)``.
        """
        import numpy as np

        tensors = self._native.tensors()
        return {
            name: np.ascontiguousarray(values.T) if name.endswith(".weight") else values
            for name, values in tensors.items()
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _loaded, (self.name, self._native.to_bytes())

    def __deepcopy__(self, memo: object) -> TrainedPolicy:
        return self

    def __repr__(self) -> str:
        return f"TrainedPolicy({self.name!r}, form={self.form!r})"


def _loaded(name: str, data: bytes) -> TrainedPolicy:
    return TrainedPolicy(_native.Learned.from_bytes(name, data))


def load_policy(
    name_or_path: str | os.PathLike[str], scenario: str | Path | Scenario | None = None
) -> TrainedPolicy:
    """Load a trained policy.

    Args:
        name_or_path: ``"ppo"``, ``"ac"``, ``"lysac"`` or another built-in one, or a file that ``wayside.train`` wrote
            (``policy.safetensors``).
        scenario: where several have the name, the one that suits this scenario.

    Raises:
        ValueError: not a policy file.
        OSError: a file that cannot be read.
    """
    found = None if scenario is None else scenario_of(scenario, None)
    native = _native.Learned.load(os.fspath(name_or_path), None if found is None else found._native)
    return TrainedPolicy(native)


class GymPolicy:
    """A policy that acts as in an environment: what was trained there enters ``wayside.run``.

    ``wayside.run("wang2025", ["price", GymPolicy(lambda o, m: model.predict(o, action_masks=m)[0], form="flat")])``

    Args:
        act: called as ``act(observation, mask)`` with the observation, float32 of the shape of ``observation_space``, and
            ``action_masks()``, bool of shape ``(sum(nvec),)``; returns the action, integers of shape ``(heads,)``, or one for
            ``sequential``. An illegal action counts as the first legal one of its head. All seeds share it.
        form: that of the environment.
        vehicles, plan_slots: those of the environment.
        name: name in the results.
    """

    __slots__ = ("act", "form", "name", "plan_slots", "vehicles")

    def __init__(
        self,
        act: Callable[[npt.NDArray[np.float32], npt.NDArray[np.bool_]], Any],
        form: Form = "sequential",
        *,
        vehicles: int | None = None,
        plan_slots: int | None = None,
        name: str = "gym",
    ) -> None:
        self.act = act
        self.form = form
        self.vehicles = vehicles
        self.plan_slots = plan_slots
        self.name = name

    def __deepcopy__(self, memo: object) -> GymPolicy:
        return self
