"""What every registered importer must hold to, ours and strangers' alike."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from energyprof.errors import InputError
from energyprof.model.imported import ImportWishes

SPANS = sorted(entry_points(group="energyprof.span_importers"), key=lambda point: point.name)
POWER = sorted(entry_points(group="energyprof.power_importers"), key=lambda point: point.name)


def test_importers_are_registered_under_their_own_names_and_no_two_take_one_option():
    assert [point.name for point in (*SPANS, *POWER)] == [point.load()().name for point in (*SPANS, *POWER)]
    options = [point.load()().option for point in SPANS]
    assert len(set(options)) == len(options)


def test_any_power_file_is_known_by_somebody():
    assert any(point.load()().knows("") for point in POWER)


@pytest.mark.parametrize("point", [*SPANS, *POWER], ids=lambda point: point.name)
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00nonsense\n", b"a,b\n1,2\n", b"\x1f\x8bnot gzip"])
def test_file_that_is_none_of_its_kind_is_refused_in_one_line_that_names_it(point, content, tmp_path):
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError) as caught:
        point.load()().read(str(path), ImportWishes(), lambda _part: None)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
