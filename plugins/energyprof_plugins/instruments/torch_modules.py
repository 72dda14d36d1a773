"""torch modules as stages: each call of a module is a span, named by its place in the tree (`Net.encoder.0`).

`Module.__call__` is patched, not hooked: global forward hooks cost two to four times as much and make torch.compile
print a warning, hooks of single modules turn off the fast path of the transformer encoder (measured with torch 2.13).
Nothing is written to a module: `torch.save`, `deepcopy`, `state_dict` and pickling see none of this. Forward only.
"""

from __future__ import annotations

from threading import RLock
from time import perf_counter_ns as now_ns
from weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from energyprof.interfaces import RepeatSource, SpanSink

_COMPILED_CHILD = "_orig_mod"
"""The child under which torch.compile keeps the module it wraps; it is no part of anybody's model."""

VAIN_SEARCHES = 8
"""After so many of a class that were in no known tree, new ones are not looked for: a loss made anew at every step."""


class TorchModules:
    """Records the forward calls of every `torch.nn.Module` until removed."""

    name = "torch_modules"
    framework = "torch"

    def __init__(self) -> None:
        self._module_class: Any = None
        self._original: Any = None
        self._call: Any = None
        self._silence: Callable[[], None] | None = None

    def install(self, sink: SpanSink) -> None:
        """Patch `torch.nn.Module.__call__`."""
        from torch.nn import Module

        if self._call is not None:
            return
        names = ModuleNames(sink)
        sink.on_fork(names.renew_lock)
        self._module_class, self._original = Module, Module.__call__
        self._call, self._silence = _recording_call(sink, names, self._original)
        repeats = getattr(sink, "repeats", None)  # a door that a sink need not have
        if repeats is not None:
            self._keep_calls(repeats, names)
        Module.__call__ = self._call

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
        if self._module_class.__call__ is self._call:
            self._module_class.__call__ = self._original
        self._call = self._silence = None


def _recording_call(
    sink: SpanSink, names: ModuleNames, original: Callable[..., Any]
) -> tuple[Callable[..., Any], Callable[[], None]]:
    """Return the function to put in place of `Module.__call__`, and one that makes it stop recording."""
    from torch.compiler import is_compiling

    local: Any = sink.local()
    code_of = names.codes.get
    learn = names.learn

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - the name that tracebacks show
        if is_compiling():
            return self._call_impl(*args, **kwargs)
        ext = local.ext
        code = code_of(id(self)) or learn(self, args, kwargs)
        ext((code, now_ns()))
        try:
            # Not past it to `_call_impl`, which would save its frame: a traceback must show it as ever.
            result = original(self, *args, **kwargs)
        except BaseException as error:
            ext((-code, now_ns()))
            if error.__traceback__ is not None:
                error.__traceback__ = error.__traceback__.tb_next
            raise
        ext((-code, now_ns()))
        return result

    def silence() -> None:
        nonlocal local
        local = _Silent

    return __call__, silence


def _facts(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, str | int]:
    """Return what the report says of a module beside its energy; of the call it was met in, shape and operations."""
    from energyprof_plugins.instruments.torch_operations import batch, operations, parameters

    facts: dict[str, str | int] = {"module_class": type(module).__name__, "parameters": parameters(module)}
    flops, samples = operations(module, args, kwargs), batch(args, kwargs)
    if flops is not None:
        facts["flops_of_first_call"] = flops
    if samples is not None:
        facts["samples_of_first_call"] = samples
    return facts


class _Silent:
    """Stands for the thread's buffer once nothing is recorded any more."""

    @staticmethod
    def ext(event: tuple[int, int]) -> None:
        """Forget the event."""


class ModuleNames:
    """Which module has which name, by identity and without keeping any alive.

    A module first called on its own is a root, named by its class; a second live root of the same name gets `#2`.
    Seen later inside another root it takes its name there. A module shared by two roots keeps its first name.
    """

    def __init__(self, sink: SpanSink) -> None:
        self.codes: dict[int, int] = {}
        """id of a module -> code of its stage, of those that have been called."""
        self._sink = sink
        self._names: dict[int, str] = {}
        self._stages: dict[int, str] = {}
        """Code of a stage -> its name, of modules that are gone as well."""
        self._references: dict[int, ref[Any]] = {}
        self._roots: dict[str, ref[Any]] = {}
        self._vain_searches: dict[str, int] = {}
        self._lock = RLock()  # re-entrant: a finalizer or signal handler may call a module anywhere

    def renew_lock(self) -> None:
        """In a forked child: whoever held the lock is not there to release it."""
        self._lock = RLock()

    def learn(self, module: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> int:
        """Return the code of a module that has none yet, and tell what is known of it and its first call."""
        with self._lock:
            try:
                name = self._names.get(id(module)) or self._find(module)
            except Exception:  # a module of the strangest kind must still be callable
                name = type(module).__name__
            forward = getattr(getattr(type(module), "forward", None), "__code__", None)
            code = self._sink.stage_code(
                name,
                kind="module",
                file=None if forward is None else forward.co_filename,
                line=None if forward is None else forward.co_firstlineno,
                module=True,
            )
            self._sink.tell(code, _facts(module, args, kwargs or {}))
            self.codes[id(module)] = code
            self._stages[code] = name
            return code

    def name_of(self, code: int) -> str:
        """Return the name of a stage that stands for a module; nothing for others."""
        return self._stages.get(code, "")

    def _find(self, module: Any) -> str:
        """Name a module that is new: added to a known root since, or a root itself."""
        kind = type(module).__name__
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

    def _add_root(self, module: Any) -> None:
        wrapped = vars(module).get("_modules", {}).get(_COMPILED_CHILD, module)
        base = name = type(wrapped).__name__
        count = 1
        absorbed = {id(part) for _, part in _tree(module)}
        while self._is_taken(name, absorbed):
            count += 1
            name = f"{base}#{count}"
        self._name_tree(name, module)
        self._roots[name] = ref(module)

    def _is_taken(self, name: str, absorbed: set[int]) -> bool:
        root = self._roots[name]() if name in self._roots else None
        return root is not None and id(root) not in absorbed

    def _name_tree(self, root_name: str, root: Any) -> None:
        """Name everything in the tree that has no name yet, or had one only as a root of its own."""
        own_roots = {id(part): name for name, reference in self._roots.items() if (part := reference()) is not None}
        for path, module in _tree(root):
            key = id(module)
            if module is not root and key in own_roots:
                self._roots.pop(own_roots[key], None)
                self._forget_tree(own_roots[key], module)
            if key not in self._names:
                self._names[key] = f"{root_name}.{path}" if path else root_name
                self._references[key] = self._reference(key, module)

    def _reference(self, key: int, module: Any) -> ref[Any]:
        def died(_reference: object) -> None:
            self._forget(key)

        return ref(module, died)

    def _forget_tree(self, root_name: str, root: Any) -> None:
        """Take back the names given below a root that turns out to be a part of a larger one."""
        for path, module in _tree(root):
            if self._names.get(id(module)) == (f"{root_name}.{path}" if path else root_name):
                self._forget(id(module))

    def _forget(self, key: int) -> None:
        # Also the callback of a dying module, in any thread at any point: single atomic steps, no lock.
        self.codes.pop(key, None)
        self._names.pop(key, None)
        self._references.pop(key, None)


def _tree(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, module), parents first, a shared module once; reads nothing but the modules' own tables."""
    seen: set[int] = set()
    waiting = [("", root)]
    while waiting:
        path, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        children = vars(module).get("_modules") or {}
        for name, child in reversed(list(children.items())):
            if child is not None:
                step = "" if name == _COMPILED_CHILD else name
                waiting.append((".".join(filter(None, (path, step))), child))
