"""What repeats what, and what that cost: failures repeat nothing, other results are no repetition, nothing twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from energyprof.model.past import PastEnergy, PastTrial, Work
from energyprof.past.recall import Total, earlier_run, recalled, repetition


def trial(number: int, params: str, value: float | None = 0.5, state: str = "complete") -> PastTrial:
    return PastTrial(number, f"of {params}", params, state, value, PastEnergy(2.0, 1.0, 3.0, "inferred"))


def test_the_newest_run_that_did_the_same_is_named(past: Any) -> None:
    runs = [past(1), past(2), past(3, arguments="b"), past(4, data=""), past(5, program="q")]

    found = earlier_run(past(9).work, runs)

    assert found is not None
    assert (found.run, found.times, found.has_data, found.differs) == ("00000002", 2, True, ())
    assert found.energy == PastEnergy(10.0, 8.0, 13.0, "measured")


def test_a_run_that_failed_is_no_result_and_repeats_nothing(past: Any) -> None:
    failed, unknown = past(1, exit_code=1), past(2, exit_code=None)

    assert earlier_run(past(9).work, [failed, unknown]) is None
    assert recalled(past(9, exit_code=-2), (), [past(1)]).run is None


def test_runs_of_one_series_do_not_repeat_each_other(past: Any) -> None:
    runs = [past(1, series="s"), past(2, series="s")]

    assert earlier_run(past(3).work, runs, "s") is None
    assert earlier_run(past(3).work, runs, "t") is not None


def test_other_versions_are_told(past: Any) -> None:
    found = earlier_run(past(2).work, [past(1, versions=(("python", "3.11.0"),))])

    assert found is not None
    assert found.differs == ("python 3.11.0",)


def test_figures_of_merit_tell_whether_it_came_out_the_same(past: Any) -> None:
    was = past(1, told=(("accuracy", 0.93), ("loss", 1.0)))

    def outcome(*told: tuple[str, float]) -> str:
        found = recalled(past(2, told=told), (), [was]).run
        assert found is not None
        return found.outcome

    assert outcome(("accuracy", 0.93 + 1e-9)) == "same"
    assert outcome(("accuracy", 0.94), ("loss", 1.0)) == "other"
    assert outcome() == "unknown"
    assert outcome(("f1", 0.5)) == "unknown"


def test_a_trial_of_an_earlier_run_is_named_with_what_it_cost(past: Any) -> None:
    was = past(1, arguments="b", trials=(trial(4, "lr=1"), trial(5, "lr=2", state="failed")))
    now = past(2, trials=(trial(0, "lr=1"), trial(1, "lr=2"), trial(2, "lr=3"), trial(3, "")))

    found = dict(recalled(now, ("t0", "t1", "t2", "t3"), [was]).trials)

    assert list(found) == ["t0"]
    assert (found["t0"].run, found["t0"].number, found["t0"].differs) == ("00000001", 4, ("other arguments",))
    assert found["t0"].energy == PastEnergy(2.0, 1.0, 3.0, "inferred")


def test_trials_on_other_data_or_of_another_program_are_not_the_same(past: Any) -> None:
    now = past(2, trials=(trial(0, "lr=1"),))

    for was in (past(1, data="e", trials=now.trials), past(1, program="q", trials=now.trials)):
        assert recalled(now, ("t0",), [was]).trials == ()


def test_each_run_is_summed_up_once_under_what_it_was(past: Any) -> None:
    told = (("accuracy", 0.5),)
    runs = [
        past(1, told=told),
        past(2, told=told, energy=PastEnergy(20.0, 18.0, 23.0, "estimated (model)")),
        past(3, told=(("accuracy", 0.6),)),
        past(4, told=told, versions=(("python", "3.13.0"),)),
        past(5, exit_code=1),
        past(6, told=(("accuracy", 0.5),), energy=None, versions=(("python", "3.13.0"),)),
        past(7, program="q"),
    ]

    found = repetition(runs)

    assert (found.all.count, found.all.unknown) == (7, 1)
    assert found.repeats == Total(2, PastEnergy(20.0, 18.0, 23.0, "estimated (model)"), 1)
    assert found.otherwise == Total(2, PastEnergy(20.0, 16.0, 26.0, "measured"))
    assert found.failed == Total(1, PastEnergy(10.0, 8.0, 13.0, "measured"))
    assert dict(found.of_run) == {
        "00000002": "00000001", "00000003": "00000002", "00000004": "00000003", "00000006": "00000004",
    }  # fmt: skip


def test_a_repetition_that_told_no_result_is_not_said_to_have_come_out_the_same(past: Any) -> None:
    silent, told = (past(1), past(2)), (past(1, told=(("f1", 0.5),)), past(2, told=(("f1", 0.5),)))

    assert (repetition(silent).repeats.count, repetition(silent).untold.count) == (0, 1)
    assert (repetition(told).repeats.count, repetition(told).untold.count) == (1, 0)
    assert repetition((told[0], silent[1])).untold.count == 1


def test_trials_tell_whether_a_search_came_out_the_same(past: Any) -> None:
    trials = (trial(0, "lr=1", 0.5), trial(1, "lr=2", 0.7))
    was = past(1, trials=trials)

    def outcome(*now: PastTrial, **more: Any) -> str:
        found = recalled(past(2, trials=now, **more), (), [was]).run
        assert found is not None
        return found.outcome

    assert outcome(trial(0, "lr=2", 0.7), trial(1, "lr=1", 0.5 + 1e-9)) == "same"
    assert outcome(trial(0, "lr=1", 0.5), trial(1, "lr=2", 0.8)) == "other"
    assert outcome(trial(0, "lr=1", 0.5), trial(1, "lr=3", 0.7)) == "other"
    assert outcome(trial(0, "lr=1", 0.5), trial(1, "lr=2", 0.7, state="pruned")) == "other"
    assert outcome(trial(0, "lr=1", None), trial(1, "lr=2", None)) == "unknown"
    assert outcome() == "unknown"


def test_trials_of_a_run_that_repeats_another_are_in_its_own_sum(past: Any) -> None:
    trials = (trial(0, "lr=1"), trial(1, "lr=2"))
    same = (past(1, trials=trials), past(2, trials=trials))
    other_value = (trial(0, "lr=1", 0.7),)

    assert repetition(same).trials == Total()
    assert repetition(same).repeats.count == 1
    assert repetition((past(1, trials=trials), past(2, exit_code=1, trials=trials))).trials == Total()
    assert repetition((past(1, exit_code=1, trials=trials), past(2, trials=trials))).trials == Total(
        2, PastEnergy(4.0, 2.0, 6.0, "inferred")
    )
    assert repetition((past(1, exit_code=1, trials=trials), past(2, trials=other_value))).trials == Total()


def test_a_long_history_of_one_program_is_gone_through_once(past: Any) -> None:
    looked_at = 0

    class Counted(Work):
        def is_work_of(self, other: Work) -> bool:
            nonlocal looked_at
            looked_at += 1
            return Work.is_work_of(self, other)

    one = past()
    work = Counted(*(getattr(one.work, name) for name in ("program", "arguments", "data", "command", "versions")))
    runs = [replace(one, id=f"{number:08x}", work=work) for number in range(300)]

    found = repetition(runs)

    assert (found.untold.count, found.of_run[-1]) == (299, ("0000012b", "0000012a"))
    assert looked_at < 3 * len(runs)
