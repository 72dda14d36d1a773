"""The registry of stage names: bounded, and fit for whatever a program calls its stages."""

from __future__ import annotations

import enum
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.model.json_text import from_json, to_json
from energyprof.record.names import NAME_LENGTH_LIMIT, Names, shortened


def test_a_name_has_one_code_for_each_kind() -> None:
    names = Names()

    first = names.intern("load")

    assert names.intern("load") is first
    assert names.intern("load", kind="function") is not first
    assert names.intern("load", after=("x",)).row() == {"code": 4, "name": "load", "kind": "stage", "after": ["x"]}


def test_beyond_the_limit_names_become_other() -> None:
    names = Names(limit=100)

    codes = {names.intern(f"step {index}").code for index in range(1_000)}

    assert len(codes) == 101
    assert names.intern("step 999").name == "<other>"
    assert names.intern("step 5").name == "step 5"
    assert len(names.since(0)) == 101


def test_long_names_are_cut_and_stay_distinct() -> None:
    long, longer = "x" * 10_000, "x" * 10_001

    cut = {shortened(long), shortened(longer)}

    assert len(cut) == 2
    assert {len(name) for name in cut} == {NAME_LENGTH_LIMIT}


def test_odd_names_are_kept_as_they_are_but_never_empty() -> None:
    class Step(str, enum.Enum):
        LOAD = "load"

    assert shortened("two\nlines / and 100 %") == "two\nlines / and 100 %"
    assert shortened("") == "<unnamed>"
    assert type(shortened(Step.LOAD)) is str
    assert shortened(Step.LOAD) == "load"
    assert shortened("\ud800" * 2_000).startswith("\ud800")


def test_threads_agree_on_codes() -> None:
    names = Names()
    seen: list[list[int]] = []
    barrier = threading.Barrier(4)

    def intern_all() -> None:
        barrier.wait()
        seen.append([names.intern(f"stage {index}").code for index in range(500)])

    threads = [threading.Thread(target=intern_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [seen[0]] * 4
    assert len({name.code for name in names.since(0)}) == 501


def test_facts_told_of_a_stage_stand_in_its_row_and_are_handed_on_once() -> None:
    names = Names()
    code = names.intern("encoder", kind="module").code

    names.tell(code, {"parameters": 12})
    names.tell(code, {"module_class": "Linear", "parameters": 13})

    (told,) = names.take_told()
    assert told.row()["facts"] == {"parameters": 13, "module_class": "Linear"}
    assert names.take_told() == []


def test_facts_are_texts_and_whole_numbers() -> None:
    names = Names()
    code = names.intern("encoder").code

    with pytest.raises(TypeError, match="whole numbers"):
        names.tell(code, {"flops": 1.5})  # type: ignore[dict-item]

    assert names.take_told() == []


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(categories=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(_VALUES)
def test_json_is_read_back_as_it_was(value: object) -> None:
    text = to_json(value)

    assert json.loads(text) == value
    assert from_json(text.decode()) == value
