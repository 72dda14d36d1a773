"""What the governor folds, decided by clocks and costs that tests choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

from energyprof.record.call_costs import CallCosts
from energyprof.record.call_tree import calls_in
from energyprof.record.governor import FEWEST_STEPS, Governor, percent

US = 1_000
MS = 1_000_000
STEP, BLOCK, LINEAR, DROPOUT, BACKWARD_OF_DROPOUT = 1, 2, 3, 4, 5


class Layers:
    """A FoldSource of the layers 2, 3 and 4, each call of which costs 1 us to record; 5 is the backward of 4."""

    kins: ClassVar = {BLOCK: "block", LINEAR: "block.linear", DROPOUT: "block.dropout"}

    def __init__(self) -> None:
        self.folded: list[int] = []
        self.reasons: set[str] = set()
        self.parts: list[float] = []
        """Parts of the steps that were asked for, in turn."""

    def cost_ns(self, code: int) -> float:
        return 1.0 * US if code > STEP else 0.0

    def layer_of(self, code: int) -> int:
        return {BACKWARD_OF_DROPOUT: DROPOUT}.get(code, code if code in self.kins else 0)

    def kin_of(self, code: int) -> str:
        return self.kins[code]

    def fold(self, codes: Sequence[int], reason: str) -> None:
        self.folded += codes
        self.reasons.add(reason)

    def sample_steps(self, part: float, reason: str) -> None:
        self.parts.append(part)
        self.reasons.add(reason)


class Program:
    """A program whose clocks stand still but for what it does, and whose recording costs what calls cost."""

    def __init__(self, bound: float) -> None:
        self.layers = Layers()
        self.costs = CallCosts(lambda: 0.5 * US)
        self.costs.add(self.layers)
        self.cpu_ns = self.wall_ns = 0
        self.governor = Governor(bound, self.costs, lambda: self.cpu_ns, lambda: self.wall_ns)
        self.costs.governor = self.governor
        self.events: list[int] = []
        self.flushing_ns = 0
        self.drawn = 0.0
        self.call(STEP, 1 * MS)
        self.flush()

    def call(self, code: int, spent_ns: int, *inside: tuple[int, int]) -> None:
        """Call a stage that takes so long, with calls of others inside it."""
        begun_ns = self.cpu_ns
        self._record(code)
        for one, one_ns in inside:
            self.call(one, one_ns)
        self.cpu_ns = self.wall_ns = begun_ns + spent_ns
        self._record(-code)

    def _record(self, code: int) -> None:
        if self.layers.layer_of(abs(code)) not in self.layers.folded:
            self.events += (code, self.cpu_ns)

    def nested_steps(self, count: int) -> None:
        """Call a block that does little but call a layer; as many steps are recorded as was asked for."""
        for _ in range(count):
            self.drawn += self.layers.parts[-1] if self.layers.parts else 1.0
            is_drawn, self.drawn = self.drawn >= 1.0, self.drawn % 1.0
            begun_ns = self.cpu_ns
            self._record(STEP)
            if is_drawn:
                self.call(BLOCK, 98 * US, (LINEAR, 96 * US))
            self.cpu_ns = self.wall_ns = begun_ns + 100 * US
            self._record(-STEP)
        self.flush()

    def flush(self) -> None:
        self.costs.take([self.events])
        self.events = []
        self.flushing_ns += self.costs.govern(self.flushing_ns)

    def steps(self, count: int, linear_ns: int = 200 * US, dropout_ns: int = 5 * US) -> None:
        inside = ((LINEAR, linear_ns), (DROPOUT, dropout_ns))
        for _ in range(count):
            spent_ns = linear_ns + dropout_ns + 20 * US
            self._record(STEP)
            self.call(BLOCK, spent_ns, *inside)
            self._record(-STEP)
        self.flush()


def test_what_costs_less_than_the_bound_is_left_alone() -> None:
    program = Program(bound=0.05)

    program.steps(1000)  # 3.5 us for 225 us

    assert program.layers.folded == []
    assert program.governor.share == pytest.approx(3.5 / (225 - 3.5), rel=0.01)


def test_the_shortest_layers_are_folded_and_no_more_than_it_takes() -> None:
    program = Program(bound=0.0151)

    program.steps(1000)

    assert program.layers.folded == [DROPOUT]
    assert program.layers.reasons == {"folded into its parent: too short to record within 1.51 %"}


def test_after_folding_the_cost_is_below_the_bound() -> None:
    program = Program(bound=0.0151)

    for _ in range(5):
        program.steps(1000)

    assert program.governor.share == pytest.approx(2.5 / (225 - 2.5), rel=0.01)
    assert program.governor.told() == {
        "bound_ppm": 15100,
        "folded": 1,
        "steps_ppm": 1_000_000,
        "share_ppm": round(program.governor.share * 1e6),
    }


def test_a_layer_is_folded_with_all_that_it_calls() -> None:
    program = Program(bound=0.004)

    program.steps(1000)

    assert sorted(program.layers.folded) == [BLOCK, LINEAR, DROPOUT]


def test_a_layer_that_is_long_enough_is_never_folded() -> None:
    program = Program(bound=0.01)

    for _ in range(10):
        program.steps(200, linear_ns=2 * MS, dropout_ns=3 * MS)
        program.events += [code for code in (STEP, -STEP) * 100_000 for code in (code, program.cpu_ns)]
        program.flush()

    assert program.governor.share > 0.01
    assert program.layers.folded == []


def test_steps_are_sampled_where_layers_cost_too_much_only_together() -> None:
    program = Program(bound=0.015)  # 2.5 us for 100 us, and each layer 1 us for 96 us or more

    for _ in range(20):
        program.nested_steps(1000)

    assert program.layers.folded == []
    # 0.5 us for the step itself, and 0.8 times the bound allows 1.2 us at first.
    assert program.layers.parts[0] == pytest.approx((0.8 * 0.015 * 97.5 - 0.5) / 2, rel=0.05)
    assert program.governor.share < 0.015
    assert program.governor.told()["steps_ppm"] == round(1e6 * program.layers.parts[-1])
    assert program.layers.reasons == {"layers are recorded in some calls only, to stay within 1.5 %"}


def test_fewer_steps_are_recorded_as_long_as_they_cost_too_much_but_never_none() -> None:
    program = Program(bound=0.0105)

    for _ in range(30):
        program.nested_steps(1000)
        program.events += [code for code in (STEP, -STEP) * 1_200 for code in (code, program.cpu_ns)]

    assert program.layers.parts == sorted(program.layers.parts, reverse=True)
    assert program.layers.parts[-1] == FEWEST_STEPS


def test_layers_seen_too_rarely_to_be_folded_are_waited_for_before_steps_are_sampled() -> None:
    program = Program(bound=0.0151)

    program.call(STEP, 60 * MS, (DROPOUT, 5 * US), (DROPOUT, 5 * US))
    program.events += [code for code in (STEP, -STEP) * 10_000 for code in (code, program.cpu_ns)]
    program.flush()

    assert program.governor.share > 0.0151
    assert (program.layers.folded, program.layers.parts) == ([], [])


@pytest.mark.parametrize(("backward_ns", "folded"), [(80 * US, []), (20 * US, [DROPOUT])])
def test_the_time_of_a_layer_is_that_of_forward_and_backward(backward_ns: int, folded: list[int]) -> None:
    program = Program(bound=0.03)

    for _ in range(2000):  # two calls to record, and the forward alone would be too short for that
        program.call(STEP, 25 * US + backward_ns, (DROPOUT, 20 * US), (BACKWARD_OF_DROPOUT, backward_ns))
        for _ in range(3):
            program.call(STEP, 1 * US)
    program.flush()

    assert program.governor.share > 0.03 or program.layers.folded or program.layers.parts
    assert program.layers.folded == folded


def test_time_that_the_program_waits_hides_no_cost() -> None:
    program = Program(bound=0.0151)

    program.wall_ns += 3600 * 1000 * MS
    program.steps(1000)

    assert program.layers.folded == [DROPOUT]


def test_telling_others_of_events_costs_what_they_say() -> None:
    costs = CallCosts(lambda: 0.5 * US)
    before = costs.of_call(STEP), costs.of_events([STEP, 1, -STEP, 2])

    costs.hear(lambda: 10 * US)

    assert before == (0.5 * US, 0.5 * US)
    assert (costs.of_call(STEP), costs.of_events([STEP, 1, -STEP, 2])) == (20.5 * US, 20.5 * US)


def test_layers_whose_marks_on_a_device_cost_too_much_are_folded() -> None:
    program = Program(bound=0.0151)
    program.steps(1000)
    before = list(program.layers.folded)

    program.costs.hear(lambda: 15 * US)
    program.steps(1000)

    assert before == [DROPOUT]
    assert set(program.layers.folded) > {DROPOUT}


def test_the_first_flush_is_no_measure() -> None:
    costs = CallCosts(lambda: 0.5 * US)
    cpu_ns = [0]
    governor = Governor(0.01, costs, lambda: cpu_ns[0], lambda: cpu_ns[0])

    cpu_ns[0] = 100 * MS
    governor.look([], 50 * MS, 0)
    cpu_ns[0] = 200 * MS
    governor.look([], 50.5 * MS, 0)

    assert governor.share == pytest.approx(0.5 / 99.5)


def test_calls_are_counted_with_what_is_around_and_halves_left_out() -> None:
    events = [-7, 1, 1, 10, 2, 20, 2, 25, -2, 30, -2, 50, -1, 60, 3, 70]

    found = calls_in(events, 100)

    assert {code: (calls.count, calls.spent_ns, calls.around) for code, calls in found.items()} == {
        1: (1, 50, set()),
        2: (1, 30, {1, 2}),
        3: (0, 0, set()),
    }


@pytest.mark.parametrize(("part", "text"), [(0.03, "3 %"), (0.005, "0.5 %"), (2.0, "200 %")])
def test_bounds_are_written_as_people_do(part: float, text: str) -> None:
    assert percent(part) == text
