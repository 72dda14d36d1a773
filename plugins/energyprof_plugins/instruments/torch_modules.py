"""torch modules as stages: each call of a module is a span, named by its place in the tree (`Net.encoder.0`).

`Module.__call__` is patched, not hooked: global forward hooks cost two to four times as much and make torch.compile
print a warning, hooks of single modules turn off the fast path of the transformer encoder (measured with torch 2.13).
Nothing is written to a module: `torch.save`, `deepcopy`, `state_dict` and pickling see none of this.
"""

from __future__ import annotations

from _thread import get_ident
from functools import partial
from threading import RLock
from time import perf_counter_ns as now_ns
from weakref import ref

from energyprof.model.recorded_names import FOLDED, PASSED_OVER, UNRECORDED_LAYERS
from energyprof.sink_doors import GovernedSink
from energyprof_plugins.instruments.torch_backward import TorchBackward
from energyprof_plugins.instruments.torch_call import Silent, recording_call
from energyprof_plugins.instruments.torch_entrance import Entrances
from energyprof_plugins.instruments.torch_facts import OF_FORWARD, facts_of, flops_key, operations_of
from energyprof_plugins.instruments.torch_folding import TorchFolding
from energyprof_plugins.instruments.torch_generation import GENERATE
from energyprof_plugins.instruments.torch_opaque import (
    DynamoPassesBy,
    is_being_compiled,
    is_running_compiled,
)
from energyprof_plugins.instruments.torch_sequence import Sequences
from energyprof_plugins.instruments.torch_steps import Steps
from energyprof_plugins.instruments.torch_tree import copied_from, tree, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from energyprof.interfaces import RepeatSource, SpanSink

VAIN_SEARCHES = 8
"""After so many of a class that were in no known tree, new ones are not looked for: a loss made anew at every step."""


class TorchModules:
    """Records the calls of every `torch.nn.Module`, and what autograd does for it, until removed."""

    name = "torch_modules"
    framework = "torch"

    def __init__(self) -> None:
        self._module_class: Any = None
        self._original: Any = None
        self._call: Any = None
        self._silence: Callable[[], None] | None = None
        self._names: ModuleNames | None = None
        self._backward: TorchBackward | None = None
        self._compiling = DynamoPassesBy()

    def install(self, sink: SpanSink) -> None:
        """Patch `torch.nn.Module.__call__`, and autograd's one way to run."""
        from torch.nn import Module

        if self._call is not None:
            return
        names = self._names = ModuleNames(sink)
        sink.on_fork(names.renew_lock)
        self._module_class, self._original = Module, Module.__call__
        self._backward = TorchBackward(sink, names.backward_code)
        entrances = Entrances(sink, self._backward, names.relearn)
        names.phase = entrances.phase
        steps = Steps(sink, names, entrances, self._backward)
        self._call, self._silence = _recording_call(sink, names, self._original, self._backward, steps)
        repeats = getattr(sink, "repeats", None)  # a door that a sink need not have
        if repeats is not None:
            self._keep_calls(repeats, names)
        if isinstance(sink, GovernedSink):
            sink.governs(TorchFolding(names, self._backward, steps, self._original, sink.added_ns))
        Module.__call__ = self._call
        self._backward.install()
        self._compiling.install()

    def _keep_calls(self, repeats: Callable[[RepeatSource], bool], names: ModuleNames) -> None:
        """Where layers are to be repeated at the end, keep some of their calls."""
        from energyprof_plugins.instruments.torch_repeat import KeptModules

        kept = KeptModules(names.codes, names.name_of, self._original)
        if repeats(kept):
            self._call = kept.keeping(self._call)

    def remove(self) -> None:
        """Put the original back; where somebody has kept or wrapped ours, it only hands calls on from now on."""
        if self._silence is None:
            return
        self._silence()
        self._compiling.remove()
        if self._backward is not None:
            self._backward.remove()
        if self._module_class.__call__ is self._call:
            self._module_class.__call__ = self._original
        self._call = self._silence = self._names = self._backward = None

    def name_root(self, module: Any, name: str, depth: int | None) -> str:
        """Name a model from its next call on, and record no module deeper than `depth` below it; return its name."""
        return name if self._names is None else self._names.name_root(module, name, depth)

    def unname_root(self, module: Any) -> None:
        """Take back what `name_root` has set for this model; nothing if it has set nothing."""
        if self._names is not None:
            self._names.unname_root(module)


def _recording_call(
    sink: SpanSink, names: ModuleNames, original: Callable[..., Any], backward: TorchBackward, steps: Steps
) -> tuple[Callable[..., Any], Callable[[], None]]:
    """Return the function to put in place of `Module.__call__`, and one that makes it stop recording."""
    from torch import compiler, is_grad_enabled

    scope = {
        "local": sink.local(),
        "codes": names.codes,
        "learn": names.learn,
        "now_ns": now_ns,
        # Not `is_compiling`, which costs 0.1 us more: only dynamo reads this code instead of running it.
        "is_traced": getattr(compiler, "is_dynamo_compiling", compiler.is_compiling),
        "wants_gradients": is_grad_enabled,
        "mine": backward.mine,
        "made": backward.made,
        "arrive": backward.arrive,
        "leave": backward.leave,
        "entrances": names.entrances,
        "enter": steps.enter,
        "leave_around": steps.leave,
        "steps": steps.at,
        "thread": get_ident,
    }
    call, silence = recording_call(original, scope)
    return call, partial(steps.stop, partial(silence, Silent))


class ModuleNames:
    """Which module has which name, by identity and without keeping any alive.

    A module first called on its own is a root, named by its class; a second live root of the same name gets `#2`.
    Seen later inside another root it takes its name there. A module shared by two roots keeps its first name. A root
    that the program itself has named keeps that name wherever it is seen, and so do the copies of it that DataParallel
    and torch.compile make.
    """

    def __init__(self, sink: SpanSink) -> None:
        self.codes: dict[int, int] = {}
        """id of a module -> code of its stage, of those that have been called; 0: its calls are not recorded."""
        self.entrances: set[int] = set()
        """Codes of modules that were called on their own, and of those that can generate: calls begin at them."""
        self.phase: Callable[[], str] = str
        """Returns which part of a generation this thread is in, for what is said of the call a module is met in."""
        self._compiled_parts: dict[int, int] = {}
        """id of a module wrapped by torch.compile -> code of its stage; 0: not called by the program itself so far."""
        self._told: dict[int, tuple[str | None, int | None, dict[str, str | int]]] = {}
        """Code of a stage -> file, line and facts of the module met last under it."""
        self._sink = sink
        self._names: dict[int, str] = {}
        self._stages: dict[int, str] = {}
        """Code of a stage -> its name, of modules that are gone as well."""
        self._references: dict[int, ref[Any]] = {}
        self._roots: dict[str, ref[Any]] = {}
        self._chosen: dict[int, int | None] = {}
        """id of each root that the program has named -> how deep below it modules are recorded; None: all of them."""
        self.folded: dict[int, int] = {}
        """id of a module that is not recorded -> that of the one above which it is a part of."""
        self._sequences = Sequences(sink)
        self._short: set[int] = set()
        """Codes of modules that are too short to be recorded."""
        self._vain_searches: dict[str, int] = {}
        self._lock = RLock()  # re-entrant: a finalizer or signal handler may call a module anywhere

    def renew_lock(self) -> None:
        """In a forked child: whoever held the lock is not there to release it."""
        self._lock = RLock()

    def learn(self, module: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> int:
        """Return the code of a module that has none yet, and tell what is known of it and its first call.

        0: it is folded into the one above, or a part of what torch.compile has made and is recorded as a whole."""
        if is_being_compiled():
            return 0
        inside = self._compiled_parts.get(id(module))
        if inside is not None and is_running_compiled():
            return 0
        if inside:
            return inside
        with self._lock:
            try:
                name = self._names.get(id(module)) or self._find(module)
            except Exception:  # a module of the strangest kind must still be callable
                name = type(module).__name__
            if id(module) in self.folded:
                self.codes[id(module)] = 0
                self._add_operations(self.codes.get(self.folded[id(module)], 0), module, args, kwargs or {})
                return 0
            forward = getattr(getattr(type(module), "forward", None), "__code__", None)
            file = None if forward is None else forward.co_filename
            line = None if forward is None else forward.co_firstlineno
            code = self._sequences.code(module, name, self._names, file, line)
            facts = facts_of(module, args, kwargs or {}, self._folded_into(module), self.phase())
            self._sink.tell(code, facts)
            self._stages[code], self._told[code] = name, (file, line, facts)
            if name in self._roots or callable(getattr(type(module), GENERATE, None)):
                self.entrances.add(code)
            if code in self._short:
                self.codes[id(module)] = code = 0
            else:
                self._keep(module, code)
            return code

    def _add_operations(self, code: int, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Have the operations of a module that is folded into the one with this code counted to that."""
        flops, key = operations_of(module, args, kwargs), flops_key(self.phase())
        if flops and code in self._told:
            file, line, facts = self._told[code]
            facts = {**facts, key: int(facts.get(key, 0)) + flops}
            self._told[code] = file, line, facts
            self._sink.tell(code, {key: facts[key]})

    def relearn(self, module: Any) -> None:
        """Have what is known of a model's parts, which it is about to call, told anew."""
        for _, part, _ in tree(module):
            if part is not module:
                self.codes.pop(id(part), None)

    def fold(self, codes: Iterable[int], reason: str) -> None:
        """Record calls of the modules with these codes no longer; `learn` gives none of them a code again."""
        with self._lock:
            short = set(codes)
            self._short |= short
            for key, code in list(self.codes.items()):
                if code in short:
                    self.codes[key] = 0
            for code in short:
                self._sink.tell(code, {FOLDED: reason})

    def _keep(self, module: Any, code: int) -> None:
        part = wrapped(module)
        if part is not module:
            self.codes.pop(id(part), None)
            self._compiled_parts[id(part)] = 0
        if id(module) in self._compiled_parts:  # asked each time who calls it
            self._compiled_parts[id(module)] = code
        else:
            self.codes[id(module)] = code

    def backward_code(self, code: int) -> int:
        """Return the code of the backward stage of the module whose forward stage has this one."""
        file, line, facts = self._told[code]
        name = self._stages.get(code, UNRECORDED_LAYERS)
        backward = self._sink.stage_code(name, kind="backward", file=file, line=line, module=True)
        self._sink.tell(backward, {key: fact for key, fact in facts.items() if key not in OF_FORWARD})
        return backward

    def unrecorded_code(self, reason: str) -> int:
        """Return the code of the stage that stands for all layers of a step whose layers are not recorded."""
        code = self._sink.stage_code(UNRECORDED_LAYERS, kind="module", module=True)
        facts: dict[str, str | int] = {PASSED_OVER: reason}
        self._sink.tell(code, facts)
        self._told[code] = (None, None, facts)
        return code

    def name_of(self, code: int) -> str:
        """Return the name of a stage that stands for a module; nothing for others."""
        return self._stages.get(code, "")

    def name_root(self, module: Any, name: str, depth: int | None) -> str:
        """Name a model, by its class if `name` is empty; return the name, numbered if another one has it."""
        with self._lock:
            self._forget_root(module)
            parts = [part for _, part, _ in tree(module, self._chosen)]
            name = self._free_name(name or type(wrapped(module)).__name__, set(map(id, parts)))
            for part in parts:
                self._forget(id(part))
            self._chosen[id(module)] = depth
            self._name_tree(name, module)
            self._roots[name] = ref(module)
            return name

    def unname_root(self, module: Any) -> None:
        """Have a model, its parts and copies named as if the program had never named it."""
        with self._lock:
            if id(module) not in self._chosen:
                return
            names = {self._names.get(id(part)) for _, part, _ in tree(module, self._chosen)}
            self._forget_root(module)
            for key, known in list(self._names.items()):
                if known in names:
                    self._forget(key)

    def _forget_root(self, module: Any) -> None:
        """Forget that a module, or what torch.compile has made of it, is a root."""
        for name, reference in list(self._roots.items()):
            root = reference()
            if root is module or (root is not None and wrapped(root) is module):
                del self._roots[name]
                self._forget(id(root))

    def _folded_into(self, module: Any) -> list[Any]:
        if not self.folded:
            return []
        return [part for _, part, _ in tree(module) if self.folded.get(id(part)) == id(module)]

    def _find(self, module: Any) -> str:
        """Name a module that is new: added to a known root since, or a root itself."""
        kind = type(module).__name__
        if self._chosen and self._name_copy(module):
            return self._names[id(module)]
        searches = self._vain_searches.get(kind, 0)
        if searches < VAIN_SEARCHES:
            for root_name, reference in list(self._roots.items()):
                root = reference()
                if root is not None:
                    self._name_tree(root_name, root)
        if id(module) not in self._names:
            self._vain_searches[kind] = searches + 1
            self._add_root(module)
        return self._names[id(module)]

    def _name_copy(self, module: Any) -> bool:
        """Name a copy that torch has made of a known module like that one, part by part; False: it is none."""
        alive = (known for reference in list(self._references.values()) if (known := reference()) is not None)
        copies = copied_from(module, alive)
        keys = {id(original): id(copy) for original, copy in copies}
        for original, copy in copies:
            name, key = self._names.get(id(original)), id(copy)
            if name is not None and key not in self._names:
                self._names[key] = name
                self._references[key] = self._reference(key, copy)
                above = self.folded.get(id(original))
                if above is not None:
                    self.folded[key] = keys.get(above, above)
        return id(module) in self._names

    def _add_root(self, module: Any) -> None:
        absorbed = {id(part) for _, part, _ in tree(module, self._chosen)}
        name = self._free_name(type(wrapped(module)).__name__, absorbed)
        self._name_tree(name, module)
        self._roots[name] = ref(module)

    def _free_name(self, base: str, absorbed: set[int]) -> str:
        """Return a root's name, numbered where a living one has it that is none of the absorbed."""
        name, count = base, 1
        while self._is_taken(name, absorbed):
            count += 1
            name = f"{base}#{count}"
        return name

    def _is_taken(self, name: str, absorbed: set[int]) -> bool:
        root = self._roots[name]() if name in self._roots else None
        return root is not None and id(root) not in absorbed

    def _name_tree(self, root_name: str, root: Any) -> None:
        """Name everything in the tree that has no name yet, or had one only as a root of its own."""
        own_roots = {id(part): name for name, reference in self._roots.items() if (part := reference()) is not None}
        limit, above = self._chosen.get(id(root)), id(root)
        for path, module, depth in tree(root, self._chosen):
            key = id(module)
            if module is not root and key in own_roots:
                self._roots.pop(own_roots[key], None)
                self._forget_tree(own_roots[key], module)
            if key not in self._names:
                self._names[key] = f"{root_name}.{path}" if path else root_name
                self._references[key] = self._reference(key, module)
                if limit is not None and depth > limit:
                    self.folded[key] = above
            if limit is None or depth <= limit:
                above = key
            self._sequences.add(module)

    def _reference(self, key: int, module: Any) -> ref[Any]:
        def died(_reference: object) -> None:
            self._forget(key)

        return ref(module, died)

    def _forget_tree(self, root_name: str, root: Any) -> None:
        """Take back the names given below a root that turns out to be a part of a larger one."""
        for path, module, _ in tree(root, self._chosen):
            if self._names.get(id(module)) == (f"{root_name}.{path}" if path else root_name):
                self._forget(id(module))

    def _forget(self, key: int) -> None:
        # Also the callback of a dying module, in any thread at any point: single atomic steps, no lock.
        self.codes.pop(key, None)
        self._compiled_parts.pop(key, None)
        self._names.pop(key, None)
        self._references.pop(key, None)
        self._chosen.pop(key, None)
        self.folded.pop(key, None)
        self._sequences.forget(key)
