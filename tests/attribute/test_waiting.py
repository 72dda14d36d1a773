"""The idle energy of a device, by what ran on the host meanwhile."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from energyprof.attribute.segments import Segments
from energyprof.attribute.waiting import waiting_j

FOREVER = 2.0**62


def segments(*rows: tuple[int, int, float, float]) -> Segments:
    """Make segments of (stage, lane, start, end)."""
    stage, lane, start, end = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Segments(np.array(stage, np.int32), np.array(lane, np.int32), np.array(start, float), np.array(end, float))


def idle(*busy: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the stretches between, without bound at both ends."""
    return np.array([-FOREVER, *(end for _, end in busy)]), np.array([*(start for start, _ in busy), FOREVER])


def test_idle_energy_goes_by_the_time_in_which_a_stage_ran_and_no_kernel() -> None:
    host = segments((0, 0, 0, 40), (1, 0, 40, 100))

    found = waiting_j(idle((30, 50), (90, 95)), host, (0, 100), 7.5, 3)

    # Idle are 0-30, 50-90 and 95-100: 30 of stage 0, 45 of stage 1, none of stage 2.
    assert found.tolist() == [3.0, 4.5, 0.0]


def test_time_in_which_no_stage_ran_keeps_its_part() -> None:
    found = waiting_j(idle((50, 60)), segments((0, 0, 0, 10)), (0, 100), 9.0, 1)

    assert found.tolist() == [1.0]


def test_threads_at_once_do_not_wait_for_more_than_there_is() -> None:
    host = segments((0, 0, 0, 100), (1, 1, 0, 100))

    assert waiting_j(idle((90, 100)), host, (0, 100), 8.0, 2).tolist() == [4.0, 4.0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 99), st.integers(1, 50))), st.data())
def test_no_more_than_the_idle_energy_is_told(rows: list[tuple[int, int, int, int]], data: st.DataObject) -> None:
    edges = sorted(data.draw(st.sets(st.integers(0, 100), max_size=10)))
    busy = list(zip(edges[::2], edges[1::2], strict=False))
    host = segments(*((stage, lane, start, start + long) for stage, lane, start, long in rows))

    found = waiting_j(idle(*busy), host, (10, 90), 5.0, 4)

    assert (found >= 0).all()
    assert found.sum() <= 5.0 + 1e-9
