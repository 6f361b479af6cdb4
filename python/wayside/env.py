"""The Gymnasium environment ``wayside/Offloading-v0``."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import EzPickle

from wayside import _native
from wayside._seeds import seed_of
from wayside.api import AnyPolicy, AnyTraffic, _named
from wayside.masks import SpaceMask, integers
from wayside.render import Frame, Window, draw
from wayside.scenario import Scenario, scenario_of
from wayside.structured import Structure

Observation = npt.NDArray[np.float32]
Action = npt.NDArray[np.int64]


Form: TypeAlias = Literal["flat", "shared", "sequential", "plan"]
Reward: TypeAlias = Literal["objective", "slot", "delay", "energy", "on-time", "lyapunov"]

REWARDS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "slot": lambda figures: -figures["objective"],
    "delay": lambda figures: -figures["delay_s"],
    "energy": lambda figures: -figures["energy_j"],
    "on-time": lambda figures: figures["deadline_met"] / np.maximum(figures["tasks"], 1),
    "lyapunov": lambda figures: figures["lyapunov"],
}
"""Rewards at the end of a slot, by the figures of the slot; 0 in its other steps."""

FIGURES = _native.FIGURES
"""Infos about a completed slot."""

LEAST_SHARE = 0.01
"""What the weight of a task is above its share."""

TRACED = ("fcd", "sumo")
"""Kinds of mobility whose number of vehicles changes."""

_HUMAN = importlib.util.find_spec("pygame") is not None


def single(form: str) -> bool:
    """Whether an observation is one row."""
    return form in ("flat", "plan")


def reward_of(
    reward: str | Mapping[Any, float], form: str, execution: str
) -> Callable[[Mapping[str, Any]], Any] | None:
    """The reward of a slot by its figures; ``None`` where it is the engine's own.

    Raises:
        ValueError: there is no such reward, or not in this scenario.
    """
    if not isinstance(reward, str):
        parts = [(float(weight), _part(name, form, execution)) for name, weight in reward.items()]
        if not parts:
            raise ValueError("reward: must have at least one part")
        return lambda figures: sum(weight * part(figures) for weight, part in parts)
    if reward == "objective":
        return REWARDS["slot"] if form == "plan" else None
    if reward not in REWARDS:
        raise ValueError(f"reward: must be objective, {', '.join(REWARDS)}, got {reward}")
    if reward == "lyapunov" and execution != "queues":
        raise ValueError("reward: must not be lyapunov where tasks do not queue")
    return REWARDS[reward]


def _part(name: str, form: str, execution: str) -> Callable[[Mapping[str, Any]], Any]:
    """A part of a weighted reward: at the end of a slot, as all of them."""
    return reward_of("slot" if name == "objective" else name, form, execution) or REWARDS["slot"]


def figures_of(execution: str, bound: str | None) -> tuple[str, ...]:
    """The infos about a completed slot in such an environment."""
    absent = set() if execution == "queues" else {"lyapunov"}
    absent |= {"lower_bound"} if bound is None else set()
    return tuple(name for name in FIGURES if name not in absent)


def observation_space(form: str, shape: tuple[int, int]) -> spaces.Space[Any]:
    """Features, float32 in [-1, 1]."""
    box: spaces.Space[Any] = spaces.Box(-1.0, 1.0, shape[1:] if single(form) else shape, np.float32)
    return box


def action_space(
    form: str, nvec: list[int], planned: int = 0
) -> spaces.MultiDiscrete | spaces.Discrete | spaces.Box:
    """One number per head; a single one for ``sequential``; ``planned`` numbers in [-1, 1] for ``plan``."""
    if form == "plan":
        return spaces.Box(-1.0, 1.0, (planned,), np.float32)
    if form == "sequential":
        return spaces.Discrete(nvec[0])
    return spaces.MultiDiscrete(np.array(nvec, dtype=np.int64))


class OffloadingEnv(gymnasium.Env[Any, Any], EzPickle):
    """One agent decides for all vehicles where their tasks run, slot by slot.

    **Which one?** In the default scenario slots do not depend on each other: a decision changes its reward, not the next
    observation, so the default environment is a *contextual bandit*. For reinforcement learning proper take
    ``wayside/Coupled-v0`` (tasks hold CPU in later slots), ``wayside/Migration-v0`` (tasks queue at servers) or
    ``wayside/Sessions-v0`` (work moves between hosts). Of the forms take ``"sequential"`` first: one small network for any number
    of vehicles and RSUs. ``"flat"`` is the paper's.

    The engine computes model, observations and rewards (``wayside_core::observation``, ``engine::env``); this class only
    converts them.

    | id | scenario | form |
    |---|---|---|
    | ``wayside/Offloading-v0`` | ``wang2025`` | ``flat`` |
    | ``wayside/Coupled-v0`` | ``coupled``: tasks hold CPU in later slots | ``sequential`` |
    | ``wayside/Migration-v0`` | ``lin2025`` in slots of 0.1 s: batches that queue at servers | ``sequential`` |
    | ``wayside/Sessions-v0`` | ``highway``: sessions that move between hosts | ``sequential`` |

    Each takes all arguments below, and every scenario.

    ## Forms

    N vehicles with at most k tasks each, M RSUs, beta + 1 candidates (the nearest covering RSUs, then the vehicle
    itself), T targets, S rules for when a task must end (only with ``time.carry_over``, where decisions affect later
    slots).

    | ``form`` | a step is | observation (float32 in [-1, 1]) | action (int64) |
    |---|---|---|---|
    | ``"flat"`` | a slot | ``(width,)``, the paper's state | ``MultiDiscrete([beta + 1, M(, S)] * N k)`` |
    | ``"shared"`` | a slot | ``(N k, width)``, a row per task | ``MultiDiscrete([beta + 1, T(, S)] * N k)`` |
    | ``"sequential"`` | one task | ``(options, 36)``, a row per possible placement | ``Discrete(options)`` |
    | ``"sequential"`` where tasks queue | one task | ``(43, 23)``, a row per destination: vehicle, own server, cloud, other servers by the shortest path and by that of least backlog | ``Discrete(43)`` |
    | ``"sequential"`` of sessions | one session | ``(9, 28)``, row 0 to stay, a row per RSU that it may move to | ``Discrete(9)`` |
    | ``"plan"`` where tasks queue | the batch of a server | ``(width,)``, LySAC's state | ``Box(-1, 1, (actions,))``, LySAC's plan |

    ``feature_names`` names the features of a row; the documentation of ``wayside_core::observation`` (``destinations``, ``hosts``,
    ``plan``) has their units and normalisation. Unused rows are zero. Row ``v k + j`` belongs to the ``j``-th task of vehicle ``v``, both counted from 0.

    | action of | means |
    |---|---|
    | entry | index of the candidate that receives the task; the last one is the vehicle itself |
    | target | the RSU that executes it: its row (``flat``), or its index among the targets (``shared``) |
    | rule | 0 no rule, 1 the task must end within this slot, 2 within two slots; with ``plan_slots`` see below |
    | option | index of the row; 0 is the vehicle itself |

    ## Masks

    ``action_masks()`` is bool of shape ``(sum(nvec),)``, head by head, as sb3-contrib expects it. ``info["action_mask"]``
    is what ``action_space.sample(mask)`` takes: int8, for ``MultiDiscrete`` a tuple with one array per head. Every head
    has at least one legal action. ``mask="observation"`` puts it into the observation, as PettingZoo's AEC and TorchRL expect:
    ``{"observation": ..., "action_mask": int8 (sum(nvec),)}``. ``plan`` has none. ``masked`` says what happens to an illegal one:

    | ``masked`` | a masked action |
    |---|---|
    | ``"first"`` | is replaced by the first legal one of its head; ``info["masked"]`` counts them |
    | ``"error"`` | raises ``ValueError`` and changes nothing |

    An action out of range, or of the wrong shape or type, always raises.

    ## Copies

    ``pickle`` and ``copy.deepcopy`` copy the environment with its state: the same actions give the same results. ``get_state()`` and
    ``set_state(state)`` go back to a state within one environment, for search. Experts are not copied; they start anew. Where tasks
    queue and in sessions, a copy repeats the episode up to now.

    ## Reward

    | ``reward`` | in every step |
    |---|---|
    | ``"objective"`` | ``-J_t`` of (15): the mean over the slot's tasks of omega delay [s] + (1 - omega) energy [J], with optimal CPU shares (P2) where CPU is shared. ``sequential`` splits it over the tasks of the slot, by how much each changes the tentative cost (where tasks queue: by its predicted cost; in sessions: all with the last); the sum is ``-J_t`` |
    | ``"slot"`` | ``-J_t`` with the last step of a slot, 0 before |
    | ``"delay"``, ``"energy"`` | with the last step of a slot its mean delay [s] or energy [J], negative; 0 before |
    | ``"on-time"`` | with the last step of a slot the share of its tasks that end within their deadlines; 0 before |
    | ``"lyapunov"`` | where tasks queue: LySAC's reward (w = 1, V = 10, late tasks weigh 1) with the last step of a slot; 0 before |

    | ``{"delay": 0.5, "on-time": 2.0}`` | with the last step of a slot the sum of these rewards, each times its weight; ``objective`` is ``slot`` there |

    Where tasks queue, the results of a slot are those that its tasks have if nothing arises after them.

    ## Observations as dictionaries

    ``observation="dictionary"`` shows the slot as arrays by name besides, float32 in SI units, for networks over graphs and sets. M RSUs,
    V vehicles, P = V k places of tasks; rows of what is not there are zero.

    | key | shape | columns |
    |---|---|---|
    | ``observation`` | that of the form | the rows above, which alone know what was decided so far in this slot |
    | ``tasks`` | ``(P, 4)`` | cycles, data_bits, deadline_s, local_cost |
    | ``vehicles`` | ``(V, 6)`` | x_m, y_m, tx_power_w, cpu_hz, energy_coeff [J s^2/cycle^3], local_wait_s |
    | ``rsus`` | ``(M, 6)`` | x_m, y_m, bandwidth_hz, cpu_hz, available_cpu_hz, energy_coeff |
    | ``uplink_s_per_bit`` | ``(V, M)`` | upload time of a bit over the whole band; 0 where it is not covered |
    | ``migration_s_per_bit``, ``hops`` | ``(M, M)`` | of the shortest route; 0 and -1 where there is none |
    | ``servers`` | ``(M, 4)`` | where tasks queue: core_hz, wait_s, busy, waiting, as they are |
    | ``sessions`` | ``(P, 7)`` | in sessions: left, host, moving_to, moving_slots, upload_s, interruption_s, down_s |
    | ``place`` | ``Discrete(P)`` | ``sequential``: the place of the task whose turn it is; 0 where there is none, and after the last step |
    | ``action_mask`` | | with ``mask="observation"`` |

    ## Shares

    ``shares="agent"`` lets the agent divide the CPU, in place of the exact solution of (P2): the action is
    ``{"placement": as above, "share": float32 (P,) in [0, 1]}``, and every RSU's free CPU is divided among its tasks in proportion to
    .01 + share, so that each gets some. Only for ``flat`` and ``shared``, where a step is a slot. Against ``"exact"`` it shows what the solution is worth.

    ## Slots

    ``plan_slots=K`` (2 to 32, only with ``time.carry_over``) lets the agent say for how many slots a task may hold its CPU, as ``plan-ahead``
    does. In place of the rules an action then names k = 1 to K: head ``rule`` has K actions, action i for k = i + 1, and
    ``sequential`` a row per RSU and k. ``sequential`` then asks for every task twice, small ones first, and each enters
    where ``plan-ahead`` has it enter. The task gets at least the share with which it ends within k slots, and (P2) has it pay for the k - 1 later
    ones at ``plan-ahead``'s price of a Hz (``[policy.plan-ahead]``), found from the tasks of this slot and the three before. The price divides the
    CPU; it is no part of the reward. Masked is what could not end in k slots; ``sequential`` offers only what still fits. Where in the end the
    RSU has too little left, a task takes a slot more, and runs on its vehicle after K. Features 2 and 3 of ``sequential`` are then k / K and
    the cost of the later slots.

    ## Start and end

    | | |
    |---|---|
    | ``reset(seed=s)`` | starts with the traffic of seed ``s``, the same as in ``wayside.run(seeds=[s])`` |
    | ``reset()`` | starts with the next seed that is drawn from the last one given |
    | ``reset(options={"overrides": {"fleet.size": 8}})`` | the episode has these values of the scenario replaced |
    | ``reset(options={"scenario": other})`` | the episode is in another scenario (name, file or :class:`Scenario`) |
    | terminated | never: there is no final state |
    | truncated | after ``slots`` slots; the last observation is that of the next slot, for bootstrapping |

    ## Info

    | key | |
    |---|---|
    | ``action_mask`` | int8 ``(options,)``, or a tuple of int8 ``(n,)`` for every n of ``nvec``; not with ``mask="observation"``, and not for ``plan`` |
    | ``context`` | float32 ``(globals,)``, features of the slot as a whole, for critics |
    | ``seed``, ``slot`` | seed of the episode, and number of the slot that the observation shows |
    | ``masked`` | number of illegal actions in this step |
    | ``slot_ended`` | whether this step completed a slot |
    | ``objective``, ``delay_s``, ``energy_j``, ``tasks``, ``deadline_met``, ``offloaded``, ``migrated``, ``lost``, ``lbm``, ``tau`` | results of the slot that this step completed, floats; 0 if it completed none |
    | ``lyapunov`` | where tasks queue: LySAC's reward of that slot |
    | ``lower_bound`` | with ``bound="split"``: certified lower bound of its objective; ``objective - lower_bound`` is at least its regret |

    The keys are the same in every step, and after ``reset``.

    Args:
        scenario: a :class:`wayside.Scenario`, the name of a built-in one, or a TOML file.
        form: see above.
        slots: number of slots of an episode; by default the scenario's.
        vehicles: N of ``shared``, where the fleet has no fixed size (traces).
        overrides: values of the scenario to replace, such as ``{"fleet.size": 40}``.
        masked, mask, reward, observation, shares, plan_slots: see above.
        bound: ``"simple"`` or ``"split"`` bounds every slot, for ``info["lower_bound"]``; not for sessions, which have no bound of a slot.
        traffic: vehicles, tasks or gains of your own in place of the scenario's, see :class:`wayside.models.Traffic`.
        render_mode: ``"rgb_array"``, ``"human"`` (needs pygame) or None.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        # a window needs pygame
        "render_modes": ["human", "rgb_array"] if _HUMAN else ["rgb_array"],
        "render_fps": 4,
    }

    def __init__(
        self,
        scenario: str | Path | Scenario = "wang2025",
        form: Form = "flat",
        *,
        slots: int | None = None,
        vehicles: int | None = None,
        overrides: Mapping[str, Any] | None = None,
        masked: Literal["first", "error"] = "first",
        mask: Literal["info", "observation"] = "info",
        reward: Reward | Mapping[Reward, float] = "objective",
        bound: Literal["simple", "split"] | None = None,
        observation: Literal["rows", "dictionary"] = "rows",
        shares: Literal["exact", "agent"] = "exact",
        plan_slots: int | None = None,
        traffic: AnyTraffic | None = None,
        render_mode: str | None = None,
    ) -> None:
        for name, value, known in [
            ("mask", mask, ("info", "observation")),
            ("observation", observation, ("rows", "dictionary")),
            ("shares", shares, ("exact", "agent")),
        ]:
            if value not in known:
                raise ValueError(f"{name}: must be {' or '.join(known)}, got {value}")
        if render_mode is not None and render_mode not in ("human", "rgb_array"):
            raise ValueError(f"render_mode: must be human, rgb_array or None, got {render_mode}")
        self.scenario = scenario_of(scenario, overrides)
        EzPickle.__init__(
            self,
            self.scenario,
            form,
            slots=slots,
            vehicles=vehicles,
            masked=masked,
            mask=mask,
            reward=reward,
            bound=bound,
            observation=observation,
            shares=shares,
            plan_slots=plan_slots,
            traffic=traffic,
            render_mode=render_mode,
        )
        self.form = form
        self._env = _native.Env(
            self.scenario._native, form, slots, vehicles, masked, bound, traffic, plan_slots
        )
        self._reward = reward_of(reward, form, self._env.execution)
        self._figures = figures_of(self._env.execution, bound)
        self._masks_observations = mask == "observation" and form != "plan"
        rows = observation_space(form, self._env.shape)
        named: dict[str, spaces.Space[Any]] = {"observation": rows}
        self._structure: Structure | None = None
        self._arrays: tuple[Any, dict[str, Any]] = (None, {})
        if observation == "dictionary":
            self._structure = self._structured(vehicles)
            named |= self._structure.spaces()
            if form == "sequential":
                named["place"] = spaces.Discrete(self._structure.places)
        if self._masks_observations:
            named["action_mask"] = spaces.Box(0, 1, (sum(self._env.nvec),), np.int8)
        self._is_named = len(named) > 1
        self.observation_space = spaces.Dict(named) if self._is_named else rows
        self.action_space = action_space(form, self._env.nvec, self._env.planned)
        self._shares: spaces.Box | None = None
        if shares == "agent":
            if plan_slots is not None:
                raise ValueError("shares: must be exact with plan_slots: P2 prices the later slots")
            self._shares = self._share_space()
            self.action_space = spaces.Dict({"placement": self.action_space, "share": self._shares})
        self._shape = self._env.shape[1:] if single(form) else self._env.shape
        self._heads = len(self._env.nvec)
        self._mask = SpaceMask(self._env.nvec, form == "sequential")
        self._seeded = self._over = False
        self.render_mode = render_mode
        self._frame: Frame | None = None
        self._window: Window | None = None

    def _structured(self, vehicles: int | None) -> Structure:
        """The arrays of a dictionary."""
        fleet, slot = self.scenario.fleet, self._env.slot()
        if vehicles is None and fleet.mobility.kind in TRACED:
            raise ValueError("vehicles: must be given where the fleet comes from a trace")
        return Structure(slot, vehicles or fleet.size, self.scenario.task.per_vehicle)

    def _share_space(self) -> spaces.Box:
        """Shares of all places."""
        if self.form not in ("flat", "shared") or self._env.execution != "shared-cpu":
            raise ValueError(f"shares: must be exact, but for flat and shared where CPU is shared, got agent for {self.form}")
        return spaces.Box(0.0, 1.0, (self._env.places,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode, perhaps in another scenario: ``options`` may hold ``overrides`` or ``scenario``."""
        scenario = self._scenario_of(options or {})
        seed = None if seed is None else seed_of(seed, "seed")
        super().reset(seed=seed)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**63))
        self._env.reset(seed, None if scenario is None else scenario._native)
        self._seeded, self._over = True, False
        self._look()
        return self._observation(), self._info(0)

    def _scenario_of(self, options: Mapping[str, Any]) -> Scenario | None:
        """The scenario of an episode, where it is not the environment's."""
        unknown = set(options) - {"overrides", "scenario"}
        if unknown:
            raise ValueError(f"options: must be overrides or scenario, got {', '.join(sorted(unknown))}")
        scenario, overrides = options.get("scenario"), options.get("overrides")
        if scenario is None:
            return None if overrides is None else self.scenario.replace(overrides)
        return scenario_of(scenario, overrides)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one action per head: int64 of shape ``(heads,)``, a single integer for ``sequential``; float32 for ``plan``."""
        before = self._frame_now()
        if self.form == "plan":
            reward, slot_ended, truncated, masked = self._env.plan(self._plan(action))
        elif self._shares is not None:
            placement, share = self._divided(action)
            reward, slot_ended, truncated, masked = self._env.step_sharing(placement, share)
        else:
            reward, slot_ended, truncated, masked = self._env.step(self._actions(action))
        self._over = truncated
        info = self._info(masked, slot_ended)
        if self._reward is not None:
            reward = float(self._reward(info)) if slot_ended else 0.0
        if slot_ended and before is not None:
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

    def _plan(self, action: Any) -> npt.NDArray[np.float32]:
        plan = np.asarray(action, dtype=np.float32)
        if plan.shape != self.action_space.shape:
            raise ValueError(f"action: must be of shape {self.action_space.shape}, got {plan.shape}")
        if not (np.abs(plan) <= 1.0).all():
            raise ValueError("action: must be within [-1, 1]")
        return np.ascontiguousarray(plan)

    @property
    def feature_names(self) -> list[str]:
        """Names of the features of a row of the observation."""
        return self._env.feature_names

    def get_state(self) -> bytes:
        """Where the environment stands: for :meth:`set_state`, of this environment or of one made alike."""
        return self._env.state().encode()

    def set_state(self, state: bytes) -> tuple[Any, dict[str, Any]]:
        """Go back to where :meth:`get_state` was called.

        Returns:
            The observation and the info as they were then; ``masked`` is 0, and the slot counts as not ended.
        """
        self._env.restore(state.decode())
        self._seeded, self._over = True, bool(json.loads(state)["over"])
        self._look()
        return self._observation(), self._info(0)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = EzPickle.__getstate__(self)
        if self._seeded:
            state["_engine"] = self._env.state()
        if self._np_random is not None:
            state["_np_random"] = (self._np_random, self._np_random_seed)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        engine, drawn = state.pop("_engine", None), state.pop("_np_random", None)
        EzPickle.__setstate__(self, state)
        if drawn is not None:
            self._np_random, self._np_random_seed = drawn
        if engine is not None:
            self._env.restore(engine)
            self._seeded, self._over = True, bool(json.loads(engine)["over"])
            self._look()

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

    def _divided(self, action: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Placements and shares of an action."""
        assert self._shares is not None
        if not isinstance(action, Mapping) or set(action) != {"placement", "share"}:
            raise ValueError("action: must have placement and share")
        share = np.asarray(action["share"], dtype=np.float64)
        if share.shape != self._shares.shape:
            raise ValueError(f"action: share: must be of shape {self._shares.shape}, got {share.shape}")
        if not ((share >= 0.0) & (share <= 1.0)).all():
            raise ValueError("action: share: must be within [0, 1]")
        return self._actions(action["placement"]), np.ascontiguousarray(LEAST_SHARE + share)

    def _observation(self) -> Any:
        rows = self._env.observation().reshape(self._shape)
        if not self._is_named:
            return rows
        named = {"observation": rows}
        if self._structure is not None:
            named |= self._named_arrays(self._structure)
        if self._masks_observations:
            named["action_mask"] = self._env.mask().view(np.int8)
        return named

    def _named_arrays(self, structure: Structure) -> dict[str, Any]:
        """The arrays of the slot, which stay as they are until it ends."""
        if self._arrays[0] != self._env.position:
            slot = self._env.slot()
            self._arrays = (self._env.position, {**structure.of(slot), "": structure.places_of(slot)})
        arrays = self._arrays[1]
        named = {name: array.copy() for name, array in arrays.items() if name}
        if self.form == "sequential":
            place = 0
            if not self._over:
                tasks, _ = self._env.preview(np.array([int(self._env.mask().argmax())]))
                place = arrays[""][tasks[0]] if len(tasks) else 0
            named["place"] = np.int64(place)
        return named

    def _info(self, masked: int, slot_ended: bool = False) -> dict[str, Any]:
        seed, slot = self._env.position
        info: dict[str, Any] = {
            "context": self._env.context(),
            "seed": seed,
            "slot": slot,
            "masked": masked,
            "slot_ended": slot_ended,
        }
        if slot_ended:
            figures = self._env.figures()
            info.update({name: figures[name] for name in self._figures})
        else:
            info.update(dict.fromkeys(self._figures, 0.0))
        if not self._masks_observations and self.form != "plan":
            legal = self._mask.of(self._env.mask())
            info["action_mask"] = legal if self._shares is None else {"placement": legal, "share": None}
        return info

    def _frame_now(self) -> Frame | None:
        """The slot to decide, where pictures are wanted."""
        return None if self.render_mode is None else Frame(self._env.slot(), *self._env.position)

    def _look(self, decided: Frame | None = None) -> None:
        """Keep the slot that render() shows."""
        if decided is not None:
            every = self._env.figures()
            figures = {name: every[name] for name in self._figures}
            decided = decided._replace(placements=self._env.placements().reshape(-1, 2), figures=figures)
        self._frame = decided or self._frame_now()
        if self.render_mode == "human":
            self.render()
