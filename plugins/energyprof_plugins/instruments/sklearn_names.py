"""What calls of scikit-learn's estimators are called: `SVC.fit`, `Pipeline.predict`, and in that each step's own name.

A method of an object is a stage of its own, as fitting and predicting are different things. In a pipeline, a union or
a column transformer the stage around tells which of them it is: a part is its name alone. Other compositions (voting,
stacking) both fit their parts and ask them in one call of theirs, so there the method stays: `svc.fit`.
"""

from __future__ import annotations

from weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from energyprof.interfaces import SpanSink

PHASED = frozenset({"Pipeline", "FeatureUnion", "ColumnTransformer"})
"""Whose parts do, in a call of theirs, what the call is called."""
OPEN = PHASED | {"_BaseComposition", "BaseSearchCV"}
"""Classes of scikit-learn's in whose calls those of other estimators are seen: of named parts, and of candidates."""
_PARTS = ("steps", "transformer_list", "transformers", "estimators")
"""Where compositions have their parts: (name, estimator, ...) each."""


class EstimatorNames:
    """Knows the stage of each call by the object, its method, and the object whose call is around it."""

    def __init__(self, sink: SpanSink) -> None:
        self._sink = sink
        self._codes: dict[tuple[str, str], int] = {}
        self._parts: dict[int, tuple[ref[Any], str]] = {}
        """By the id of a part that has been met: itself, and its name."""
        self._kin: dict[type, frozenset[str]] = {}

    def is_open(self, of: Any) -> bool:
        """Return whether calls of other estimators are seen within those of this one."""
        return bool(self._kin_of(type(of)))

    def shows(self, around: Any, of: Any) -> bool:
        """Return whether an open object's call shows that of another: a search's does, a composition's if it is a part.

        The rest is what a composition does for itself, as voting encodes labels.
        """
        return "BaseSearchCV" in self._kin_of(type(around)) or any(
            type(part) is type(of) for _, part in _parts_of(around)
        )

    def is_part(self, of: Any) -> bool:
        """Return whether it is a part of a composition that has been called."""
        known = self._parts.get(id(of))
        return known is not None and known[0]() is of

    def code(self, of: Any, method: str, around: Any) -> int:
        """Return the code of the stage of a call; `around`: the object whose call it stands in, or None."""
        known = self._parts.get(id(of))
        name = known[1] if known is not None and known[0]() is of else self._name_in(around, of)
        shown = "" if name and PHASED & self._kin_of(type(around)) else method
        key = name or type(of).__name__, shown
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = self._sink.stage_code(f"{key[0]}.{shown}" if shown else key[0])
            self._sink.tell(code, {"estimator_class": type(of).__name__})
        return code

    def meet(self, of: Any) -> Iterator[type]:
        """Have the parts of a composition known by their names; yields the classes of those that are new."""
        for name, part in _parts_of(of):
            if not self.is_part(part) and type(part).__weakrefoffset__:
                self._parts[id(part)] = self._reference(part), name
                yield type(part)

    def _name_in(self, around: Any, of: Any) -> str:
        """Return the name of that part of which this must be a clone, as it alone is of its kind; or nothing."""
        if not self._kin_of(type(around)):
            return ""
        names = [name for name, part in _parts_of(around) if _kind_of(part) == _kind_of(of)]
        return names[0] if len(names) == 1 else ""

    def _reference(self, part: Any) -> ref[Any]:
        key, parts = id(part), self._parts
        return ref(part, lambda _dead: parts.pop(key, None) and None)

    def _kin_of(self, owner: type) -> frozenset[str]:
        """Return which of the OPEN classes it is or comes from; names are asked, as importing would be our doing."""
        kin = self._kin.get(owner)
        if kin is None:
            ours = (base.__name__ for base in owner.__mro__ if base.__module__.startswith("sklearn."))
            kin = self._kin[owner] = OPEN.intersection(ours)
        return kin


def _parts_of(of: Any) -> Iterator[tuple[str, Any]]:
    for held in _PARTS:
        parts = getattr(of, held, None)
        if isinstance(parts, (list, tuple)):
            for part in parts:
                # The others are None, "passthrough" and "drop".
                if isinstance(part, tuple) and len(part) > 1 and hasattr(type(part[1]), "fit"):
                    yield str(part[0]), part[1]
    final = getattr(of, "final_estimator", None)
    if hasattr(type(final), "fit"):
        yield "final_estimator", final


def _kind_of(of: Any) -> tuple[type, tuple[str, ...]]:
    return type(of), tuple(name for name, _ in _parts_of(of))
