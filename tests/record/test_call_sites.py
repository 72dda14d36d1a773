"""Instructions that only some versions of Python have, told apart whatever version runs the test."""

from __future__ import annotations

from dis import Instruction, get_instructions

import pytest

from energyprof.record.call_sites import changes_in_place, halves

CALL = next(
    one for one in get_instructions(compile("f(*x)", "calls.py", "eval")) if one.opname.startswith("CALL_FUNCTION_EX")
)


def instruction(name: str, arg: int | None, argval: object = None) -> Instruction:
    """Return an instruction as an interpreter that has it tells of it."""
    return CALL._replace(opname=name, arg=arg, argval=argval)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (instruction("BINARY_OP", 0), False),
        (instruction("BINARY_OP", 12), False),
        (instruction("BINARY_OP", 13), True),
        (instruction("BINARY_OP", 25), True),
        (instruction("BINARY_OP", 26), False),
        (instruction("INPLACE_ADD", None), True),
    ],
    ids=["add", "xor", "add in place", "xor in place", "item, from 3.14 on", "add in place, until 3.10"],
)
def test_value_is_changed_in_place_by_some_of_the_operators(one: Instruction, expected: bool) -> None:
    assert changes_in_place(one) is expected


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("LOAD_FAST_LOAD_FAST", ["LOAD_FAST", "LOAD_FAST"]),
        ("LOAD_FAST_BORROW_LOAD_FAST_BORROW", ["LOAD_FAST", "LOAD_FAST"]),
        ("STORE_FAST_LOAD_FAST", ["STORE_FAST", "LOAD_FAST"]),
        ("STORE_FAST_STORE_FAST", ["STORE_FAST", "STORE_FAST"]),
    ],
)
def test_pair_in_one_instruction_is_read_as_two(name: str, names: list[str]) -> None:
    pair = instruction(name, 1, ("a", "b"))

    read = list(halves(pair))

    assert [one.opname for one in read] == names
    assert [one.argval for one in read] == ["a", "b"]
    assert [one.offset - pair.offset for one in read] == [0, 1]
    assert not read[1].is_jump_target
