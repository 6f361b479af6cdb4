"""Scenarios: what defines a run but its seeds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wayside import _native as native

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Section(Mapping[str, Any]):
    """A section of a scenario, read by attribute (``scenario.fleet.size``) or key. Immutable."""

    __slots__ = ("_values",)
    _values: dict[str, Any]

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", {k: _frozen(v) for k, v in values.items()})

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            known = ", ".join(self._values)
            raise AttributeError(f"no key {name!r}; there are {known}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a scenario cannot be changed: use replace()")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values]

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v!r}" for k, v in self._values.items())
        return f"{type(self).__name__}({values})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Section) and self._values == other._values

    def __reduce__(self) -> tuple[Any, ...]:
        return (Section, (self._values,))


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Section(value)
    if isinstance(value, list):
        return tuple(_frozen(v) for v in value)
    return value


def _text(value: Any) -> str:
    """``value`` as ``--set`` reads it: TOML, or a bare string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(v) for v in value) + "]"
    if hasattr(value, "item"):  # a NumPy scalar
        return _text(value.item())
    return str(value)


def _flat(overrides: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _text(value)


class Scenario:
    """A checked scenario: if it exists, it is valid.

    Args:
        name_or_path: a built-in scenario (:meth:`builtin`) or a TOML file.
        overrides: values to replace, by dotted path (``{"fleet.size": 200}``) or nested
            (``{"fleet": {"size": 200}}``); typed and checked like the file.

    Raises:
        ValueError: bad input; the message names every problem with file, line and path.
        OSError: the file cannot be read.

    Read its keys by attribute: ``scenario.time.slot_s``, ``scenario.fleet.size``. ``docs/scenario.md`` lists all keys
    with their units.
    """

    __slots__ = ("_native", "_root")
    _native: native.Scenario
    _root: Section | None

    def __init__(
        self,
        name_or_path: str | Path = "wang2025",
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self._native = native.Scenario.resolve(str(name_or_path), list(_flat(overrides or {})))
        self._root = None

    @classmethod
    def _of(cls, checked: native.Scenario) -> Scenario:
        scenario = cls.__new__(cls)
        scenario._native = checked
        scenario._root = None
        return scenario

    @classmethod
    def from_toml(
        cls, text: str, overrides: Mapping[str, Any] | None = None, *, file: str = "scenario"
    ) -> Scenario:
        """The scenario that the TOML ``text`` describes; error messages call it ``file``."""
        return cls._of(native.Scenario.from_toml(file, text, list(_flat(overrides or {}))))

    @staticmethod
    def builtin() -> list[str]:
        """Names of the built-in scenarios."""
        return native.Scenario.builtin()

    def to_toml(self) -> str:
        """The canonical TOML text, with all defaults filled in."""
        return self._native.to_toml()

    def replace(self, overrides: Mapping[str, Any] | None = None, /, **sections: Any) -> Scenario:
        """A changed copy: ``replace({"fleet.size": 200})`` or ``replace(fleet={"size": 200})``."""
        return self.from_toml(self.to_toml(), {**(overrides or {}), **sections})

    @property
    def root(self) -> Section:
        """All sections."""
        if self._root is None:
            self._root = Section(tomllib.loads(self.to_toml()))
        return self._root

    def __getattr__(self, name: str) -> Any:
        # "root" itself is missing while the object is being unpickled
        if name.startswith("_") or name == "root":
            raise AttributeError(name)
        return getattr(self.root, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.root]

    def __repr__(self) -> str:
        return f"Scenario({self.root.scenario.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.to_toml() == other.to_toml()

    def __hash__(self) -> int:
        return hash(self.to_toml())

    def __reduce__(self) -> tuple[Any, ...]:
        return (Scenario.from_toml, (self.to_toml(),))


def scenario_of(
    scenario: str | Path | Scenario, overrides: Mapping[str, Any] | None = None
) -> Scenario:
    """A scenario from an object, a name or a path."""
    if isinstance(scenario, Scenario):
        return scenario.replace(overrides) if overrides else scenario
    return Scenario(scenario, overrides)
