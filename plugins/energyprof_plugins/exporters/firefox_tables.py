"""The tables that all threads of a Firefox profile share: stages as functions, frames and stacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from energyprof.model.trace import Trace
from energyprof_plugins.exporters.span_timeline import TimelineSpan
from energyprof_plugins.exporters.visible import visible


def stretches(spans: Sequence[TimelineSpan]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Yield (start_ns, end_ns, stages outermost first) whenever that changes; nothing while no span is open."""
    open_spans: list[TimelineSpan] = []
    now_ns = 0
    for span in [*spans, None]:
        until_ns = span.start_ns if span is not None else max((one.end_ns for one in open_spans), default=now_ns)
        while open_spans and open_spans[-1].end_ns <= until_ns:
            ended = open_spans[-1]
            if ended.end_ns > now_ns:
                yield now_ns, ended.end_ns, tuple(one.stage for one in open_spans)
                now_ns = ended.end_ns
            open_spans.pop()
        if span is None:
            return
        if open_spans and span.start_ns > now_ns:
            yield now_ns, span.start_ns, tuple(one.stage for one in open_spans)
        now_ns = span.start_ns
        open_spans.append(span)


class StackTables:
    """Strings, functions, frames and stacks, each once; a frame is a function, for stages have no instructions."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._strings: dict[str, int] = {}
        self._functions: dict[int, int] = {}
        self._texts = [visible(stage.name) for stage in trace.stages]
        self._stacks: dict[tuple[int, ...], int] = {}
        self._prefix: list[int | None] = []
        self._frame: list[int] = []
        self._sources: dict[str, int] = {}

    def text(self, stage: int) -> str:
        """Return a stage's name as it is shown."""
        return self._texts[stage]

    def name(self, stage: int) -> int:
        """Return the place of a stage's name among the strings."""
        return self._string(self._texts[stage])

    def stack(self, stages: tuple[int, ...]) -> int:
        """Return the place of a stack, whose callers stand before it."""
        found = self._stacks.get(stages)
        if found is None:
            prefix = self.stack(stages[:-1]) if len(stages) > 1 else None
            found = self._stacks[stages] = len(self._frame)
            self._prefix.append(prefix)
            self._frame.append(self._functions.setdefault(stages[-1], len(self._functions)))
        return found

    def document(self) -> dict[str, Any]:
        """Return all tables as columns."""
        stages = [self._trace.stages[stage] for stage in self._functions]
        count = len(stages)
        nothing, none = [None] * count, [-1] * count
        names = [self.name(stage) for stage in self._functions]
        sources = [None if stage.file is None else self._source(stage.file) for stage in stages]
        lines = [stage.line for stage in stages]
        paths = list(self._sources)
        return {
            "stackTable": {
                "length": len(self._frame),
                "frame": self._frame,
                "prefixOffset": [0 if above is None else row - above for row, above in enumerate(self._prefix)],
            },
            "frameTable": {
                "length": count,
                "address": none,
                "inlineDepth": [0] * count,
                "category": [0] * count,
                "subcategory": [0] * count,
                "func": list(range(count)),
                "nativeSymbol": nothing,
                "innerWindowID": nothing,
                "line": lines,
                "column": nothing,
                "originalLocation": nothing,
                "lib": nothing,
            },
            "funcTable": {
                "length": count,
                "isJS": [False] * count,
                "relevantForJS": [False] * count,
                "name": names,
                "resource": none,
                "source": sources,
                "lineNumber": lines,
                "columnNumber": nothing,
                "originalLocation": nothing,
            },
            "resourceTable": {"length": 0, "lib": [], "name": [], "host": [], "type": []},
            "nativeSymbols": {"length": 0, "libIndex": [], "address": [], "name": [], "functionSize": []},
            "sources": {
                "length": len(paths),
                "id": [None] * len(paths),
                "filename": [self._string(path) for path in paths],
                "startLine": [1] * len(paths),
                "startColumn": [1] * len(paths),
                "sourceMapURL": [None] * len(paths),
                "content": [None] * len(paths),
            },
            "sourceLocationTable": {"length": 0, "source": [], "line": [], "column": []},
            "stringArray": list(self._strings),
        }

    def _source(self, path: str) -> int:
        return self._sources.setdefault(visible(path), len(self._sources))

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))
