"""`energyprof.torch_hook`: one model whose layers are profiled, under a name and to a depth that the program chooses.

The hook itself hooks nothing: it starts a profile, or joins the one that goes on, and tells the instrument for torch
how to name the model.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
import weakref
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from energyprof import bootstrap
from energyprof.errors import EnergyprofWarning, InputError
from energyprof.in_process.handle import Profile, callers_level, checked_overhead
from energyprof.in_process.session import Wish
from energyprof.interfaces import NamingInstrument
from energyprof.model.overhead_bound import DEFAULT

if TYPE_CHECKING:
    from energyprof.in_process.layer_report import LayerReport
    from energyprof.model.report import LayerPhase

LONGEST_NAME = 200
_OFF = "the layers of {} are not recorded: the instrument for torch is not at work; the warnings of the report say why"


class Hooked:
    """A model with the name and depth that a program has given it, in one run; shared by all its hooks there."""

    def __init__(self, model: object, name: str, depth: int | None, instruments: tuple[NamingInstrument, ...]) -> None:
        """Have the instruments name the model."""
        self.model = weakref.ref(model)
        self._key = id(model)
        self.asked = name
        self.depth = depth
        self.instruments = instruments
        self.hooks = 0
        names = [instrument.name_root(model, name, depth) for instrument in instruments]
        self.name = names[0] if names else name or type(model).__name__

    def takes(self, name: str, depth: int | None) -> str:
        """Return why another hook with these wishes cannot join, or nothing."""
        if name not in {"", self.asked, self.name}:
            return f"this model is hooked already, as {self.name!r}; leave the name away to join, or remove that hook"
        if depth not in {None, self.depth}:
            return f"this model is hooked already, to depth {self.depth}; leave depth away to join, or remove that hook"
        return ""

    def let_go(self) -> None:
        """Undo the naming with the last hook."""
        self.hooks -= 1
        if self.hooks:
            return
        if _Hooked.models.get(self._key) is self:
            del _Hooked.models[self._key]
        model = self.model()
        for instrument in self.instruments if model is not None else ():
            instrument.unname_root(model)  # does nothing where the run it was at work in is over


class _Hooked:
    """The models that are hooked in this process, by their ids."""

    models: dict[int, Hooked] = {}  # noqa: RUF012 - the one there is
    lock = threading.RLock()


def _renew_lock() -> None:
    _Hooked.lock = threading.RLock()  # a thread that is not in this child may have held it


os.register_at_fork(after_in_child=_renew_lock)


class TorchHook:
    """A model whose layers are profiled until `remove`; its reports can be asked for at any time, afterwards too."""

    def __init__(self, model: object, name: str, depth: int | None, max_overhead: str) -> None:
        """Begin; raises InputError where another hook of this model is at work with other wishes."""
        self._profile = Profile(Wish(max_overhead=max_overhead), quiet=False)
        self._profile.start()
        try:
            with _Hooked.lock:
                self._hooked = _join(model, name, depth)
                self._hooked.hooks += 1
        except BaseException:
            self._profile.stop()
            raise
        self._is_removed = False
        if not self._hooked.instruments and not self._profile.warnings:
            with suppress(EnergyprofWarning):  # where warnings are errors: a program goes on as it does without us
                warnings.warn(_OFF.format(self.name), EnergyprofWarning, stacklevel=callers_level())

    @property
    def name(self) -> str:
        """What the model is called in tables; `bert#2` where another model of the run is `bert`."""
        return self._hooked.name

    @property
    def path(self) -> Path | None:
        """The recording, that of the whole run where others record it, too; None: not known."""
        return self._profile.path

    @property
    def running(self) -> bool:
        """Whether it has not been removed."""
        return not self._is_removed

    def remove(self) -> None:
        """Record the model no longer under this name; a run that the hook has started ends. Twice is safe."""
        self.__exit__(None, None, None)

    def __enter__(self) -> TorchHook:  # noqa: PYI034 - Self is no part of Python 3.10's typing
        if self._is_removed:
            raise InputError("this hook has been removed; make another one with energyprof.torch_hook(model)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _Hooked.lock:
            if self._is_removed:
                return
            self._is_removed = True
            self._hooked.let_go()
        self._profile.__exit__(kind, error, traceback)

    def report(self, *, phase: LayerPhase = "total", depth: int | None = None, top: int | None = None) -> LayerReport:
        """Return the table of the model's layers: print it, or leave it to the notebook to show.

        `phase`, `depth` and `top` are those of `energyprof layers`. While it runs these are the figures so far. Raises
        EnergyprofError where there are none; inside `energyprof run` the report says that they come at the end.
        """
        from energyprof.in_process.layer_report import LayerReport

        report = self._profile.report()
        options: dict[str, str] = {"phase": phase}
        options |= {name: str(value) for name, value in (("depth", depth), ("top", top)) if value is not None}
        return LayerReport(report, self.name, options, report.warnings[0] if self._profile.is_part else "")

    def layers(self, phase: LayerPhase | None = "total") -> list[dict[str, Any]]:
        """Return one row for each layer of the model, ready for a table: `pandas.DataFrame(hook.layers())`.

        `phase` is `forward`, `backward`, `recompute`, `total` (all of them together), or None: a row for each phase.
        Energies are in joules; what is refused or unknown is None. Raises as `report`; inside `energyprof run` empty.
        """
        from energyprof.model.layer_record import flat_layers
        from energyprof.report.layers import layers_of

        return flat_layers(layers_of(self._profile.report().layers, self.name), phase)

    def __repr__(self) -> str:
        state = "removed" if self._is_removed else "running"
        return f"<energyprof.torch_hook {self.name!r} {state}{f', {self.path}' if self.path else ''}>"


def _join(model: object, name: str, depth: int | None) -> Hooked:
    """Return the hooked model, a new one where no hook of this run is at work; raises InputError where they differ."""
    instruments = tuple(one for one in bootstrap.installed() if isinstance(one, NamingInstrument))
    known = _Hooked.models.get(id(model))
    if known is not None and known.model() is model and known.instruments == instruments:
        refusal = known.takes(name, depth)
        if refusal:
            raise InputError(refusal)
        return known
    made = _Hooked.models[id(model)] = Hooked(model, name, depth, instruments)
    return made


def torch_hook(
    model: Any, name: str | None = None, depth: int | None = None, *, max_overhead: str | float = DEFAULT
) -> TorchHook:  # a model of torch
    """Profile the layers of one torch model until `hook.remove()`: their joules, interval, calls, power, operations.

        hook = energyprof.torch_hook(model, name="bert")
        model(batch)
        print(hook.report())                 # a table; in a notebook `hook.report()` shows it
        pandas.DataFrame(hook.layers())      # rows
        hook.remove()

    `with energyprof.torch_hook(model) as hook:` removes it by itself. `name` is what the model is called (its class);
    `depth` how far below it modules are recorded, 0: the model only, deeper ones being part of the module that calls
    them, which costs less. `max_overhead` ("3%", 0.03, "off") is that of `energyprof.profile`. Alone it starts a
    run, recorded into a new file in the current folder (`hook.path`). Inside `with energyprof.profile(...)`, whose
    options choose the file and the sensors, and inside `energyprof run` it joins that run. A second hook of a model
    joins the first.

    Nothing is written to the model: copies, pickles and `state_dict` know nothing of it. Calls in any thread count,
    also those of the replicas that DataParallel makes; a copy (`deepcopy`) is a model of its own. What torch.compile
    has compiled is one layer. Raises TypeError for what is no `torch.nn.Module`, InputError where there is no torch.
    """
    _check_model(model)
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name is a text, not {name!r}")
    if name is not None and not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(f"name has {len(name)} characters; choose 1 to {LONGEST_NAME}")
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int)):
        raise TypeError(f"depth is a whole number or None, not {depth!r}")
    if depth is not None and depth < 0:
        raise ValueError(f"depth is {depth}; 0 records the model only, None all of its modules")
    return TorchHook(model, name or "", depth, checked_overhead(max_overhead))


def _check_model(model: object) -> None:
    """Raise InputError where there is no torch, TypeError for what is no module of it."""
    torch = sys.modules.get("torch")
    if torch is None and not _is_installed("torch"):
        raise InputError("torch is not installed here, and torch_hook takes a model of torch; try: pip install torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return
    if isinstance(model, type):
        raise TypeError(f"torch_hook takes a model, not the class {model.__name__}; hand over an instance of it")
    raise TypeError(f"torch_hook takes a torch.nn.Module, not {type(model).__name__}")


def _is_installed(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # the program has forbidden it: `sys.modules["torch"] = None`
        return False
