"""The bounds on the table of simulated runs, and the verdict on each.

A cell is one setting over all seeds: errors and intervals of all leaves of its runs are pooled. Coverage fails only
where it is below its bound at p < 0.01: so many misses would then come by chance in less than 1 of 100 tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.stats import binom
from score import SPREAD, Counts, Score
from sensors import SENSORS
from settings import Setting

FAST, MIDDLE, SLOW = ("rapl", "v100"), ("ctr20", "part25"), ("ctr100", "ctr100_lag", "box1s", "lag100")
P_CHANCE = 0.01
POOLED_COVER = (0.93, 0.98)
WIDTH = (0.7, 2.5)
"""Mean half-width over 1.96 times the rms error; an interval of 95 % of a normal error has 1."""
CLAIMS_RIGHT = 0.99
SURE = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Classes of how sure a ranking is."""
SURE_OFF = 0.03
"""By so much less often than it says a ranking may be right, beside what chance makes."""
TOTAL_ERROR = 0.0015
LEDGER_UJ = 1.0
MEDIAN_FIT_S, LONGEST_FIT_S = 0.3, 2.0


@dataclass(frozen=True, slots=True)
class Bound:
    """What one cell must reach; None: nothing is asked. Errors are parts of the true energy."""

    median: float | None = None
    p95: float | None = None
    cover: float | None = None
    of_time_share: float | None = None
    """Median error over that of dividing by time."""
    lines: float | None = None
    """Part of the published lines that are right within 10 %."""
    gated: bool = False
    """No leaf may be told, and it must be said why."""


SHORT = {
    **dict.fromkeys(FAST, Bound(0.025, 0.12, 0.90)),
    **dict.fromkeys(MIDDLE, Bound(0.045, 0.18, 0.93)),
    **dict.fromkeys(SLOW, Bound(0.07, 0.35, 0.93)),
}
ANY: dict[str, Bound] = {
    "long": Bound(0.001, 0.003, 0.93),
    "medium": Bound(0.0015, 0.003, 0.95),
    "overlap": Bound(0.006, 0.02, 0.95),
    "nonstat": Bound(cover=0.93, of_time_share=1.1),
    "tiny": Bound(cover=0.93, of_time_share=1.15, lines=0.93),
    "alias_dephase": Bound(0.11, cover=0.90),
    "amplify": Bound(0.006, 0.02, 0.95),
    "tiny_amplify": Bound(0.0015, 0.004, 0.95),
    "serving": Bound(cover=0.90),
}
PARTICULAR: dict[tuple[str, str], Bound] = {
    **{("serving", sensor): Bound(0.06, cover=0.90) for sensor in ("ctr100", "ctr100_lag")},
    **{("serving", sensor): Bound(0.03, cover=0.90) for sensor in FAST},
    **{("nonstat", sensor): Bound(0.05, cover=0.93, of_time_share=1.1) for sensor in FAST},
    **{("alias_dephase", sensor): Bound(0.065, cover=0.90) for sensor in FAST},
    **{("alias", sensor): Bound(gated=True) for sensor in (*SLOW, "part25")},
}


def bound_of(setting: Setting) -> Bound:
    """Return what is asked of a cell; of harder conditions, that intervals hold."""
    if setting.sensor.endswith(("rc5", "stray")) or "+" in setting.case:
        return Bound(cover=0.90)
    if setting.case in {"short", "drift"}:
        return SHORT[setting.sensor]
    return PARTICULAR.get((setting.case, setting.sensor), ANY.get(setting.case, Bound()))


def sees_part_of_the_time(sensor: str) -> bool:
    """Return whether the sensor's window is shorter than its period."""
    window_ns = SENSORS[sensor].window_ns
    return window_ns is not None and window_ns < SENSORS[sensor].period_ns


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bound and whether it was kept."""

    what: str
    figure: str
    bound: str
    kept: bool
    is_aim: bool = False
    """Worth knowing, and no failure: a time depends on the machine."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """All runs of one setting."""

    setting: Setting
    scores: tuple[Score, ...]
    failed: tuple[str, ...] = ()
    """What runs raised instead of ending."""
    error: np.ndarray = field(init=False)
    half: np.ndarray = field(init=False)
    """Half-widths of the leaves' intervals, relative to the true energy."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", np.abs([one for score in self.scores for one in score.error]))
        object.__setattr__(self, "half", SPREAD * np.array([one for score in self.scores for one in score.sd]))

    def median(self) -> float:
        """Return the median error of a leaf."""
        return float(np.median(self.error))

    def p95(self) -> float:
        """Return the error that 95 % of the leaves stay below."""
        return float(np.quantile(self.error, 0.95))

    def covered(self) -> Counts:
        """Return how many of the leaves' intervals hold the truth."""
        return Counts(int(np.count_nonzero(self.error <= self.half)), len(self.error))

    def width(self) -> float:
        """Return the mean half-width over 1.96 times the rms error."""
        rms = float(np.sqrt(np.mean(np.square(self.error))))
        return float(np.mean(self.half)) / (SPREAD * rms) if rms else float("inf")

    def peer(self, method: str) -> float:
        """Return the median error of a peers' method."""
        return float(np.median([one for score in self.scores for one in score.peers[method]]))

    def claims(self) -> Counts:
        """Return how many claims were right."""
        return sum((score.claims for score in self.scores), Counts(0, 0))

    def lines(self) -> Counts:
        """Return how many published lines were right."""
        return sum((score.lines for score in self.scores), Counts(0, 0))

    def gated(self) -> int:
        """Return in how many runs it was said that no leaf may be told, or none was."""
        return sum(bool(score.refusal) or score.published.of == 0 for score in self.scores)

    def verdicts(self) -> list[Verdict]:
        """Return the verdict on each bound of this cell."""
        found = [Verdict(f"{self.setting} ends", text, "no error", False) for text in self.failed]
        if not self.scores:
            return found
        name, bound = str(self.setting), bound_of(self.setting)
        if bound.median is not None:
            found.append(_at_most(f"{name} median error", self.median(), bound.median))
        if bound.p95 is not None:
            found.append(_at_most(f"{name} 95 % of errors", self.p95(), bound.p95))
        if bound.of_time_share is not None:
            ratio = self.median() / self.peer("time_share")
            kept = ratio <= bound.of_time_share
            found.append(Verdict(f"{name} error / time share's", f"{ratio:.2f}", f"<= {bound.of_time_share}", kept))
        if bound.cover is not None:
            found.append(_covers(f"{name} coverage", self.covered(), bound.cover))
        if bound.lines is not None:
            lines = self.lines()
            kept = binom.cdf(lines.right, lines.of, bound.lines) >= P_CHANCE
            found.append(Verdict(f"{name} lines right", f"{lines.right}/{lines.of}", f">= {bound.lines}", bool(kept)))
        if bound.gated:
            gated, claims, runs = self.gated(), self.claims(), len(self.scores)
            found.append(Verdict(f"{name} gate fires", f"{gated}/{runs}", f"{runs}/{runs}", gated == runs))
            found.append(Verdict(f"{name} leaf claims", str(claims.of), "0", claims.of == 0))
        if not self.setting.case.startswith("alias") or self.setting.case == "alias_dephase":
            total = max(abs(score.total_error) for score in self.scores)
            if sees_part_of_the_time(self.setting.sensor):  # what was read is a sample; the fit knows what it missed
                total = max(abs(score.stages_error) for score in self.scores)
            found.append(_at_most(f"{name} total against truth", total, TOTAL_ERROR))
        ledger = max(abs(score.ledger_uj) for score in self.scores)
        kept = ledger <= LEDGER_UJ
        found.append(Verdict(f"{name} ledger closes", f"{ledger:.3f} uJ", f"<= {LEDGER_UJ:g} uJ", kept))
        return found


def overall(cells: list[Cell]) -> list[Verdict]:
    """Return the verdicts on all cells together."""
    held = [cell for cell in cells if cell.scores]
    if not held:
        return []
    claims = sum((cell.claims() for cell in held), Counts(0, 0))
    covered = sum((cell.covered() for cell in held), Counts(0, 0))
    widths = [cell.width() for cell in held]
    width = float(np.exp(np.mean(np.log(widths)))) if min(widths) > 0 and np.isfinite(widths).all() else float("nan")
    rankings = [_ranks(*found) for found in ranked(held) if found[3].of]
    times = [score.fit_s for cell in held for score in cell.scores]
    low, high = POOLED_COVER
    low_width, high_width = WIDTH
    return [
        Verdict(
            "all claims of 10 %",
            f"{claims.right}/{claims.of} = {claims.share():.4f}",
            f">= {CLAIMS_RIGHT}",
            claims.share() >= CLAIMS_RIGHT,
        ),
        Verdict(
            "all coverage",
            f"{covered.right}/{covered.of} = {covered.share():.3f}",
            f"{low} to {high}",
            low <= covered.share() <= high,
        ),
        Verdict(
            "all widths (geometric mean)",
            f"{width:.2f}",
            f"{low_width} to {high_width}",
            low_width <= width <= high_width,
        ),
        *rankings,
        _aim("attribution, median CPU time", float(np.median(times)), MEDIAN_FIT_S),
        _aim("attribution, longest CPU time", max(times), LONGEST_FIT_S),
    ]


def ranked(cells: list[Cell]) -> list[tuple[float, float, float, Counts]]:
    """Return by class of how sure rankings are: its bounds, the mean of what they say, and how many were right."""
    pairs = [pair for cell in cells for score in cell.scores for pair in score.rankings]
    sure, right = np.array([one for one, _ in pairs]), np.array([was for _, was in pairs], np.bool_)
    found = []
    for low, high in pairwise(SURE):
        held = (sure >= low) & ((sure < high) | (high == SURE[-1])) if pairs else np.zeros(0, np.bool_)
        said = float(sure[held].mean()) if held.any() else low
        found.append((low, high, said, Counts(int(np.count_nonzero(right[held])), int(np.count_nonzero(held)))))
    return found


def _ranks(low: float, high: float, said: float, right: Counts) -> Verdict:
    least = said - SURE_OFF
    kept = binom.cdf(right.right, right.of, least) >= P_CHANCE
    text = f"{right.right}/{right.of} = {right.share():.3f}"
    return Verdict(f"rankings sure to {low:.0%} to {high:.0%}", text, f">= {least:.3f}", bool(kept))


def _at_most(what: str, figure: float, bound: float) -> Verdict:
    return Verdict(what, f"{figure:.3%}", f"<= {bound:.2%}", figure <= bound)


def _covers(what: str, covered: Counts, bound: float) -> Verdict:
    chance = float(binom.cdf(covered.right, covered.of, bound))
    text = f"{covered.right}/{covered.of} = {covered.share():.3f}"
    return Verdict(what, text, f">= {bound} (p {chance:.2g})", chance >= P_CHANCE)


def _aim(what: str, seconds: float, bound: float) -> Verdict:
    return Verdict(what, f"{seconds:.2f} s", f"<= {bound} s", seconds <= bound, is_aim=True)
