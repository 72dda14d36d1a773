"""Replaying a CSV: every row at its own time, a gap beyond the last, errors that name line and remedy."""

from __future__ import annotations

import pytest

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof.testing import FakeClock
from energyprof_plugins.power.replay import Replay
from energyprof_plugins.power.replay_file import REMEDY

GPU, PACKAGE = DomainId("gpu:0"), DomainId("cpu:0:package")
HEADER = "domain,t_ns,value,unit\n"


def opened(tmp_path, text, clock=None, start_ns=0):
    """Return a replay of the text, open, and its domains."""
    path = tmp_path / "power.csv"
    path.write_text(text)
    source = Replay()
    now_ns = clock.now_ns if clock else lambda: 0
    return source, source.open(SourceContext(argument=str(path), start_ns=start_ns, now_ns=now_ns))


def refused(tmp_path, text):
    """Return why the text is refused, the file's path left out."""
    path = tmp_path / "power.csv"
    path.write_text(text)
    context = SourceContext(argument=str(path))
    with pytest.raises(SourceError) as caught:
        Replay().open(context)
    assert Replay().why_unavailable(context) == str(caught.value)
    return str(caught.value).replace(str(path), "power.csv")


def test_every_row_comes_once_at_its_own_time_and_the_end_is_said_once(tmp_path):
    clock = FakeClock(1_000)
    source, _ = opened(tmp_path, HEADER + "gpu:0,100,5,mJ\ngpu:0,200,8,mJ\ngpu:0,300,9,mJ\n", clock, start_ns=1_000)

    answers = []
    for step_ns in (99, 1, 50, 150, 100, 1, 1):
        clock.advance(step_ns)
        answers.append(list(source.read()))

    ended = ReadFailure(GPU, ReadStatus.ENDED, "the replayed series has ended")
    rows = [Reading(GPU, 5, 1_100), Reading(GPU, 8, 1_200), Reading(GPU, 9, 1_300)]
    assert answers == [[], rows[:1], [], rows[1:], [], [ended], []]


def test_rows_before_the_run_are_left_out(tmp_path):
    source, _ = opened(tmp_path, HEADER + "gpu:0,-100,5,mJ\ngpu:0,0,8,mJ\n")

    assert list(source.read()) == [Reading(GPU, 8, 0)]


@pytest.mark.parametrize(
    ("unit", "quantity", "scale"),
    [("J", "energy", 1.0), ("mJ", "energy", 1e-3), ("uJ", "energy", 1e-6), ("W", "power", 1.0), ("mW", "power", 1e-3)],
)
def test_unit_decides_between_counter_and_power_and_whole_values_stay_raw(tmp_path, unit, quantity, scale):
    source, (domain,) = opened(tmp_path, HEADER + f"gpu:0,0,7,{unit}\ngpu:0,10,9,{unit}\n")

    assert (domain.quantity, domain.scale, list(source.read())) == (quantity, scale, [Reading(GPU, 7, 0)])


def test_fractions_become_millionths(tmp_path):
    source, (domain,) = opened(tmp_path, HEADER + "gpu:0,0,0.25,mJ\ngpu:0,10,1,mJ\n")

    assert (domain.scale, list(source.read())) == (1e-6, [Reading(GPU, 250, 0)])


def test_rows_in_disorder_are_put_in_order(tmp_path):
    clock = FakeClock()
    source, _ = opened(tmp_path, HEADER + "gpu:0,200,8,W\ngpu:0,0,5,W\n", clock)

    clock.advance(200)

    assert list(source.read()) == [Reading(GPU, 5, 0), Reading(GPU, 8, 200)]


def test_comments_describe_one_domain_or_all(tmp_path):
    text = (
        "# recorded on a quiet evening\n# period=100ms gain_error=0.05\n"
        "# gpu:0 wrap=4000 window=25ms gain_error=0.1/0.2\n"
        + HEADER
        + "gpu:0,0,1,mJ\ngpu:0,10,2,mJ\ncpu:0:package,0,1,W\ncpu:0:package,10,2,W\n"
    )

    _, domains = opened(tmp_path, text)

    source = "replay power.csv (recorded or scripted, not measured now)"
    ms = 1_000_000
    assert domains == (
        Domain(
            GPU,
            source,
            "sensor",
            "energy",
            1e-3,
            "device",
            wrap=4000,
            period_ns=100 * ms,
            window_ns=25 * ms,
            gain_error=(0.1, 0.2),
        ),
        Domain(PACKAGE, source, "sensor", "power", 1.0, "cpu", period_ns=100 * ms, gain_error=(0.05, 0.05)),
    )


def test_columns_describe_as_well(tmp_path):
    text = (
        "domain,t_ns,value,unit,parent,wrap,period\n"
        "cpu:0:core,0,0.5,J,cpu:0:package,10,1000\ncpu:0:core,10,2,J,,,\ncpu:0:package,0,1,J,,,\ncpu:0:package,9,1,J,,,\n"
    )

    _, (core, package) = opened(tmp_path, text)

    assert (core.parent, core.wrap, core.period_ns) == (PACKAGE, 10_000_000, 1000)
    assert (package.parent, package.wrap, package.period_ns) == (None, None, 9)


def test_the_usual_distance_of_rows_is_the_period_unless_the_file_says_another(tmp_path):
    rows = HEADER + "gpu:0,0,5,W\ngpu:0,10,6,W\ngpu:0,20,6,W\ngpu:0,90,6,W\n"

    periods = [opened(tmp_path, text)[1][0].period_ns for text in (rows, "# period=1us\n" + rows)]

    assert periods == [10, 1_000]


@pytest.mark.parametrize(
    ("unit", "value", "period_ms"),
    [
        ("mJ", lambda row: row // 10 * 20_000, 100),  # a counter that is updated every 100 ms
        ("mJ", lambda row: row // 10 * 2, 10),  # its unit is coarse: it may be updated at every row
        ("W", lambda row: 100 + row // 2 % 7, 20),
        ("W", lambda row: 100 + row // 10 % 7 // 3, 100),  # most updates find the same power
        ("W", lambda row: 100 + (row * row // 97) % 3 // 2, 10),  # constant for irregular times
    ],
)
def test_a_sensor_read_more_often_than_it_is_updated_shows_its_period(tmp_path, unit, value, period_ms):
    rows = HEADER + "".join(f"gpu:0,{row * 10_000_000},{value(row)},{unit}\n" for row in range(600))

    assert opened(tmp_path, rows)[1][0].period_ns == period_ms * 1_000_000


def test_replay_without_a_file_says_how():
    context = SourceContext()

    assert Replay().why_unavailable(context) == "replay needs a file; try: --source replay:FILE.csv"
    with pytest.raises(SourceError, match="replay needs a file; try: --source"):
        Replay().open(context)


def test_missing_file_is_named(tmp_path):
    path = str(tmp_path / "none.csv")

    assert Replay().why_unavailable(SourceContext(argument=path)) == (
        f"there is no file {path!r} to replay; try: --source replay:FILE.csv"
    )


def test_first_five_bad_rows_are_named_with_line_value_and_remedy(tmp_path):
    text = HEADER + "gpu:0,0,5,W\ngpu:0,1.5,5,W\ngpu:0,2,x,W\ngpu:0,3,5,kW\n,4,5,W\ngpu:0,5,-1,W\ngpu:0,6,inf,W\n"

    assert refused(tmp_path, text) == (
        "power.csv has bad rows: line 3: t_ns '1.5' is no whole number; line 4: value 'x' is no number; "
        "line 5: unit 'kW' is none; line 6: no domain; line 7: value '-1' is negative or not finite and 1 more; "
        + REMEDY
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"power.csv holds no rows; {REMEDY}"),
        (HEADER, f"power.csv holds no rows; {REMEDY}"),
        ("domain,time,value,unit\n", f"power.csv line 1: no column 't_ns' in 'domain,time,value,unit'; {REMEDY}"),
        (HEADER + "gpu:0,0\n", f"power.csv has bad rows: line 2: unit '' is none; {REMEDY}"),
        (
            HEADER + "gpu:0,0,1,W\ngpu:0,1,1,mW\n",
            f"power.csv has bad rows: line 3: unit 'mW' of gpu:0, which began in 'W'; {REMEDY}",
        ),
        (
            HEADER + "gpu:0,0,1e30,W\n",
            f"power.csv has bad rows: line 2: value '1e30' at 0 ns is too large; {REMEDY}",
        ),
        (
            HEADER + "gpu:0,5,1,W\ngpu:1,5,1,W\ngpu:0,9,1,W\ngpu:0,5,2,W\n",
            f"power.csv has bad rows: line 5: t_ns 5 of gpu:0 is on line 2 already; {REMEDY}",
        ),
        (
            "# gpu:0 parent=psys\n" + HEADER + "gpu:0,0,1,W\ngpu:0,1,1,W\n",
            (
                "power.csv: parent=psys of 'gpu:0' has no rows; give it some, leave the parent out, "
                "or name one of: gpu:0"
            ),
        ),
        (
            "# gpu:0 parent=gpu:0\n" + HEADER + "gpu:0,0,1,W\ngpu:0,1,1,W\n",
            (
                "power.csv: domain 'gpu:0' contains itself (gpu:0 in gpu:0); "
                "leave out the parent of the one that contains the others"
            ),
        ),
        (
            "# a parent=b\n# b parent=c\n# c parent=b\n"
            + HEADER
            + "".join(f"{id_},{t_ns},1,W\n" for id_ in "abc" for t_ns in (0, 1)),
            (
                "power.csv: domain 'b' contains itself (b in c in b); "
                "leave out the parent of the one that contains the others"
            ),
        ),
        (
            HEADER + "gpu:0,0,1,W\n",
            "power.csv: domain 'gpu:0' has one row only, which lasts no time; give it a second",
        ),
        (
            "# gpu:1 period=1ms\n" + HEADER + "gpu:0,0,1,W\ngpu:0,1,1,W\n",
            "power.csv describes domain 'gpu:1', which has no rows; it has: gpu:0",
        ),
        (
            "# perod=1ms\n" + HEADER,
            "power.csv line 1: 'perod=1ms' is not understood; known are period, window, wrap, parent, gain_error",
        ),
        (
            "# period=fast\n" + HEADER + "gpu:0,0,1,W\ngpu:0,1,1,W\n",
            (
                "power.csv: period=fast of 'gpu:0' cannot be used (could not convert string to float: 'fast'); "
                "try: period=100ms, window=25ms, wrap=4294967296 or gain_error=0.05"
            ),
        ),
    ],
)
def test_file_that_cannot_be_replayed_is_refused_with_the_remedy(tmp_path, text, message):
    assert refused(tmp_path, text) == message


def test_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "power.csv"
    path.write_bytes(b"\xff\xfe\x00domain")

    reason = Replay().why_unavailable(SourceContext(argument=str(path)))

    assert reason is not None
    assert reason.startswith(f"{path} cannot be replayed (")
    assert reason.endswith("it must be a readable CSV file in UTF-8")


def test_closed_replay_answers_nothing(tmp_path):
    source, _ = opened(tmp_path, HEADER + "gpu:0,0,1,W\ngpu:0,1,1,W\n")

    source.close()
    source.close()

    assert list(source.read()) == []
