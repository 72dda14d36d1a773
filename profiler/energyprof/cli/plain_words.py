"""Read the usual command lines of `energyprof run` without argparse, which would delay the program by 8 ms.

Only what is beyond doubt is read here. Everything else (help, an unknown word, `--name=value`, a wrong number) is for
argparse: `run_options` says what there is, and a test that both read the same.
"""

from __future__ import annotations

from energyprof.cli.run_options import FASTEST_HZ, LEAST_HZ, PYTHON_FLAGS, PYTHON_OPTIONS
from energyprof.launch.file_size import DEFAULT_BYTES, size_bytes
from energyprof.model.overhead_bound import DEFAULT, bound_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SWITCHES = {
    "-q": ("quiet", True),
    "--quiet": ("quiet", True),
    "--no-graph": ("no_graph", True),
    "--no-live": ("no_live", True),
    "--shared": ("shared", True),
    "--sync": ("sync", True),
    "--no-flow": ("no_flow", True),
}
_STACKS = {"--stacks": "on", "--no-stacks": "off"}


class RunWords:
    """What the words say; the fields are those of argparse's namespace."""

    def __init__(self) -> None:
        self.module: list[str] | None = None
        self.code: list[str] | None = None
        self.any_program = False
        self.words: list[str] = []
        self.flags: tuple[str, ...] = ()
        self.python: str | None = None
        self.sources: list[str] = []
        self.max_hz = 100.0
        self.lead_in = 0.0
        self.output: str | None = None
        self.stacks = "auto"
        self.quiet = False
        self.no_graph = False
        self.no_live = False
        self.shared = False
        self.sync = False
        self.no_flow = False
        self.max_size = DEFAULT_BYTES
        self.max_overhead = DEFAULT
        self.dephase: tuple[int, int] | None = None
        self.dephase_stage: str | None = None
        self.repeat: int | None = None
        self.visits: int | None = None
        self.runs = 1
        self.cool_down = 3.0
        self.remember: bool | None = None
        self.data: list[str] = []
        self.region: str | None = None
        self.carbon: str | None = None
        self.price: str | None = None
        self.pue: str | None = None

    def take_value(self, option: str, value: str) -> bool:
        """Take an option with its value; return whether that was beyond doubt."""
        if value[:1] in {"", "-"}:
            return False
        if option == "--max-hz":
            return self._take_rate(value)
        if option == "--max-size":
            return self._take_size(value)
        if option == "--max-overhead":
            return self._take_overhead(value)
        if option == "--python":
            self.python = value
        elif option == "--source":
            self.sources.append(value)
        elif option in {"-o", "--output"}:
            self.output = value
        elif option in PYTHON_OPTIONS:
            self.flags = (*self.flags, option, value)
        else:
            return False
        return True

    def _take_size(self, value: str) -> bool:
        try:
            self.max_size = size_bytes(value)
        except ValueError:
            return False
        return True

    def _take_overhead(self, value: str) -> bool:
        try:
            bound_of(value)
        except ValueError:
            return False
        self.max_overhead = value
        return True

    def _take_rate(self, value: str) -> bool:
        try:
            self.max_hz = float(value)
        except ValueError:
            return False
        return LEAST_HZ <= self.max_hz <= FASTEST_HZ


def plain_words(words: Sequence[str]) -> RunWords | None:
    """Return what the words say, as `run_options.parted` left them, or None: argparse has to read them."""
    if "--" in words:
        return None
    read = RunWords()
    at = 0
    while at < len(words):
        word = words[at]
        if not word.startswith("-") or word == "-":
            read.words = [*words[at:]]
            return read
        at += 1
        if word in _SWITCHES:
            setattr(read, *_SWITCHES[word])
        elif word in _STACKS and read.stacks == "auto":
            read.stacks = _STACKS[word]
        elif word in PYTHON_FLAGS:
            read.flags = (*read.flags, word)
        elif word in {"-m", "-c"}:
            setattr(read, {"-m": "module", "-c": "code"}[word], [*words[at:]])
            return read
        elif at < len(words) and read.take_value(word, words[at]):
            at += 1
        else:
            return None
    return None
