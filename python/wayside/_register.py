"""Registers the environments with Gymnasium.

Importing Gymnasium takes longer than importing Wayside, and ``wayside.run`` does not need it. So if Gymnasium is not
imported yet, the environments are registered once it is.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

IDS: dict[str, dict[str, Any]] = {
    "wayside/Offloading-v0": {},
    "wayside/Coupled-v0": {"scenario": "coupled", "form": "sequential"},
    # a slot of the scenario is a batch; here batches follow each other, 20 of them
    "wayside/Migration-v0": {
        "scenario": "lin2025",
        "form": "sequential",
        "overrides": {"time.slot_s": 0.1, "time.slots": 20},
    },
    "wayside/Sessions-v0": {"scenario": "highway", "form": "sequential"},
}
"""The arguments that each id has by default."""


def register() -> None:
    """Register the environments now, or as soon as Gymnasium is imported."""
    if "gymnasium" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Finder())


def _register() -> None:
    import gymnasium

    for name, arguments in IDS.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                id=name,
                entry_point="wayside.env:OffloadingEnv",
                vector_entry_point="wayside.vector:OffloadingVectorEnv",
                kwargs=arguments,
            )


class _Finder(MetaPathFinder):
    """Waits for Gymnasium."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads Gymnasium as usual, then registers."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _register()
