"""The Gymnasium environment ``wayside/Offloading-v0``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import EzPickle

from wayside import _native
from wayside._seeds import seed_of
from wayside.api import AnyPolicy, _named
from wayside.masks import SpaceMask, integers
from wayside.render import Frame, Window, draw
from wayside.scenario import Scenario, scenario_of

Observation = npt.NDArray[np.float32]
Action = npt.NDArray[np.int64]


def observation_space(form: str, shape: tuple[int, int]) -> spaces.Space[Observation]:
    """Features, float32 in [-1, 1]."""
    box: spaces.Space[Any] = spaces.Box(
        -1.0, 1.0, shape[1:] if form == "flat" else shape, np.float32
    )
    return box


def action_space(form: str, nvec: list[int]) -> spaces.MultiDiscrete | spaces.Discrete:
    """One number per head; a single one for ``sequential``."""
    if form == "sequential":
        return spaces.Discrete(nvec[0])
    return spaces.MultiDiscrete(np.array(nvec, dtype=np.int64))


class OffloadingEnv(gymnasium.Env[Observation, Any], EzPickle):
    """One agent decides for all vehicles where their tasks run, slot by slot.

    The engine computes model, observations and rewards (``wayside_core::observation``, ``engine::env``); this class only
    converts them.

    ## Forms

    N vehicles with at most k tasks each, M RSUs, beta + 1 candidates (the nearest covering RSUs, then the vehicle
    itself), T targets, S rules for when a task must end (only with ``time.carry_over``, where decisions affect later
    slots).

    | ``form`` | a step is | observation (float32 in [-1, 1]) | action (int64) |
    |---|---|---|---|
    | ``"flat"`` | a slot | ``(width,)``, the paper's state | ``MultiDiscrete([beta + 1, M(, S)] * N k)`` |
    | ``"shared"`` | a slot | ``(N k, width)``, a row per task | ``MultiDiscrete([beta + 1, T(, S)] * N k)`` |
    | ``"sequential"`` | one task | ``(options, 36)``, a row per possible placement | ``Discrete(options)`` |

    The documentation of ``wayside_core::observation`` lists every feature with its unit and normalisation. Unused rows
    are zero. Row ``v k + j`` belongs to the ``j``-th task of vehicle ``v``, both counted from 0.

    | action of | means |
    |---|---|
    | entry | index of the candidate that receives the task; the last one is the vehicle itself |
    | target | the RSU that executes it: its row (``flat``), or its index among the targets (``shared``) |
    | rule | 0 no rule, 1 the task must end within this slot, 2 within two slots |
    | option | index of the row; 0 is the vehicle itself |

    ## Masks

    ``action_masks()`` is bool of shape ``(sum(nvec),)``, head by head, as sb3-contrib expects it. ``info["action_mask"]``
    is what ``action_space.sample(mask)`` takes: int8, for ``MultiDiscrete`` a tuple with one array per head. Every head
    has at least one legal action. ``masked`` says what happens to an illegal one:

    | ``masked`` | a masked action |
    |---|---|
    | ``"first"`` | is replaced by the first legal one of its head; ``info["masked"]`` counts them |
    | ``"error"`` | raises ``ValueError`` and changes nothing |

    An action out of range, or of the wrong shape or type, always raises.

    ## Copies

    ``pickle`` and ``copy.deepcopy`` make a new environment with the same arguments, which must be reset first.

    ## Reward

    ``-J_t`` of (15): the mean over the slot's tasks of omega delay [s] + (1 - omega) energy [J], with optimal CPU shares
    (P2). ``sequential`` splits it over the tasks of the slot, by how much each changes the tentative cost; the sum is
    ``-J_t``.

    ## Start and end

    | | |
    |---|---|
    | ``reset(seed=s)`` | starts with the traffic of seed ``s``, the same as in ``wayside.run(seeds=[s])`` |
    | ``reset()`` | starts with the next seed that is drawn from the last one given |
    | terminated | never: there is no final state |
    | truncated | after ``slots`` slots; the last observation is that of the next slot, for bootstrapping |

    ## Info

    | key | |
    |---|---|
    | ``action_mask`` | int8 ``(options,)``, or a tuple of int8 ``(n,)`` for every n of ``nvec`` |
    | ``context`` | float32 ``(globals,)``, features of the slot as a whole, for critics |
    | ``seed``, ``slot`` | seed of the episode, and number of the slot that the observation shows |
    | ``masked`` | number of illegal actions in this step |
    | ``objective``, ``delay_s``, ``energy_j``, ``tasks``, ``deadline_met``, ``offloaded``, ``migrated``, ``lbm``, ``tau`` | results of the slot that this step completed; absent if it completed none |

    Args:
        scenario: a :class:`wayside.Scenario`, the name of a built-in one, or a TOML file.
        form: see above.
        slots: number of slots of an episode; by default the scenario's.
        vehicles: N of ``shared``, where the fleet has no fixed size (traces).
        overrides: values of the scenario to replace, such as ``{"fleet.size": 40}``.
        masked: see above.
        render_mode: ``"rgb_array"``, ``"human"`` (needs pygame) or None.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": ["human", "rgb_array"],
        "render_fps": 4,
    }

    def __init__(
        self,
        scenario: str | Path | Scenario = "wang2025",
        form: str = "flat",
        *,
        slots: int | None = None,
        vehicles: int | None = None,
        overrides: Mapping[str, Any] | None = None,
        masked: str = "first",
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode: must be human, rgb_array or None, got {render_mode}")
        self.scenario = scenario_of(scenario, overrides)
        EzPickle.__init__(
            self,
            self.scenario,
            form,
            slots=slots,
            vehicles=vehicles,
            masked=masked,
            render_mode=render_mode,
        )
        self.form = form
        self._env = _native.Env(self.scenario._native, form, slots, vehicles, masked)
        self.observation_space = observation_space(form, self._env.shape)
        self.action_space = action_space(form, self._env.nvec)
        self._shape = self._env.shape[1:] if form == "flat" else self._env.shape
        self._heads = len(self._env.nvec)
        self._mask = SpaceMask(self._env.nvec, form == "sequential")
        self._seeded = False
        self.render_mode = render_mode
        self._frame: Frame | None = None
        self._window: Window | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; ``options`` is ignored."""
        seed = None if seed is None else seed_of(seed, "seed")
        super().reset(seed=seed)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**63))
        self._env.reset(seed)
        self._seeded = True
        self._look()
        return self._observation(), self._info(0)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take one action per head: int64 of shape ``(heads,)``, a single integer for ``sequential``."""
        actions = self._actions(action)
        before = self._env.slot() if self.render_mode is not None else None
        reward, slot_ended, truncated, masked = self._env.step(actions)
        info = self._info(masked)
        if slot_ended:
            info.update(self._env.figures())
            if before is not None:
                self._look(before)
        return self._observation(), reward, False, truncated, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which actions are legal now: bool of shape ``(sum(nvec),)``, head by head."""
        return self._env.mask()

    def slot(self) -> _native.Slot:
        """The slot that is to be decided, as a policy sees it."""
        return self._env.slot()

    def expert_action(self, policy: AnyPolicy = "price", *, exact: bool = False) -> Any:
        """The action by which ``policy`` would act now, for behaviour cloning and for comparison.

        In an episode a policy decides every slot at most once; one that remembers goes on from slot to slot. A form cannot
        say every placement (``shared`` names the nearest targets, ``sequential`` the most promising placements): there the task
        takes the least total of its rows (``sequential``), or is executed where it enters, or on its vehicle.

        Args:
            policy: as in :func:`wayside.run`.
            exact: raise ``ValueError`` in place of that.

        Returns:
            int64 of shape ``(heads,)``, an integer for ``sequential``.
        """
        return self._said(*self._env.expert(_named(policy)), exact)

    def action_of(self, placements: Any, *, exact: bool = True) -> Any:
        """The action that puts the tasks of the slot where ``placements`` says.

        Args:
            placements: what a policy answers: integers of shape ``(tasks, 2)``, or a :class:`wayside.Answer`. Of
                ``sequential`` only the row of the task whose turn it is counts.
            exact: as in :meth:`expert_action`.
        """
        return self._said(*self._env.express(placements), exact)

    def placements_of(self, action: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """What an action decides; nothing is done.

        Returns:
            The tasks that it decides, int64 of shape ``(n,)``, and a row ``(entry, execution)`` for each, ``(n, 2)``.
        """
        tasks, placements = self._env.preview(self._actions(action))
        return tasks, placements.reshape(-1, 2)

    def _said(self, actions: npt.NDArray[np.int64], missed: int, exact: bool) -> Any:
        if exact and missed:
            raise ValueError(f"placements: form {self.form!r} cannot say {missed} of them")
        return actions[0] if self.form == "sequential" else actions

    def _actions(self, action: Any) -> npt.NDArray[np.int64]:
        if self.form == "sequential":
            return integers(action, (), "action").reshape(1)
        return integers(action, (self._heads,), "action")

    def render(self) -> npt.NDArray[np.uint8] | None:
        """The map with the slot decided last, or with the first one: uint8 of shape ``(480, 480, 3)``."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs render_mode: gymnasium.make(..., render_mode='rgb_array')")
            return None
        if self._frame is None:
            raise RuntimeError("environment: reset it before it is rendered")
        if self.render_mode == "rgb_array":
            return draw(self._frame)
        if self._window is None:
            self._window = Window(self.metadata["render_fps"])
        self._window.show(draw(self._frame))
        return None

    def close(self) -> None:
        """Free the engine and the window; every later call except this one raises."""
        self._env.close()
        if self._window is not None:
            self._window.close()
            self._window = None

    def _observation(self) -> Observation:
        return self._env.observation().reshape(self._shape)

    def _info(self, masked: int) -> dict[str, Any]:
        seed, slot = self._env.position
        return {
            "action_mask": self._mask.of(self._env.mask()),
            "context": self._env.context(),
            "seed": seed,
            "slot": slot,
            "masked": masked,
        }

    def _look(self, decided: _native.Slot | None = None) -> None:
        """Keep the slot that render() shows."""
        if self.render_mode is None:
            return
        if decided is None:
            self._frame = Frame(self._env.slot(), None)
        else:
            self._frame = Frame(decided, self._env.placements().reshape(-1, 2))
        if self.render_mode == "human":
            self.render()
