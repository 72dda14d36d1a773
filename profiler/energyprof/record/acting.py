"""Functions that are called for what they do, as far as their bytecode tells: they change, write, send or train.

A function acts where it sets an attribute, a global name, or an item of what it was handed; where a statement of it is
a call whose result nobody wants (`items.append(x)` of a list that it was handed, `print(x)`); where it calls something
whose name says so (`write`, `save`, `fit`, `backward`); or where a Python function does that it calls by its name. What
it fills is no effect as long as it is its own: a list that it has made. Where it is not plain, a function acts.
"""

from __future__ import annotations

from types import FunctionType

from energyprof.record.call_sites import callee, changes_in_place, is_call, pushed, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from dis import Instruction
    from types import CodeType

DEEPEST = 4
"""So many calls down, functions are looked into."""
MOST = 60
"""So many functions in all; one that needs more acts."""
ACTING = frozenset({
    # files, streams and processes
    "print", "write", "writelines", "write_text", "write_bytes", "writerow", "writerows", "writestr", "write_table",
    "save", "savez", "savez_compressed", "savetxt", "savefig", "save_pretrained", "save_model", "save_file", "dump",
    "to_csv", "to_parquet", "to_pickle", "to_sql", "to_excel", "to_hdf", "tofile", "imwrite", "imsave", "mkdir",
    "makedirs", "unlink", "rmtree", "copyfile", "copy2", "copytree", "symlink_to", "touch", "truncate", "flush",
    "system", "subprocess", "Popen", "exec", "eval", "environ", "putenv", "seek", "readline", "recv", "next",
    # databases and networks
    "commit", "execute", "executemany", "upsert", "send", "sendall", "sendto", "post", "put", "patch", "delete",
    "publish", "submit", "upload", "urlopen", "request", "set_result", "notify", "notify_all", "acquire", "release",
    # models and their kin
    "fit", "partial_fit", "fit_transform", "fit_predict", "train_on_batch", "backward", "step", "zero_grad",
    "load_state_dict", "set_params", "requires_grad_", "register_buffer", "manual_seed", "seed",
    # what others hold
    "setattr", "delattr", "__setitem__", "pop", "popleft", "popitem", "remove", "sort", "setdefault",
    "heappush", "heappop", "units", "metric",
})  # fmt: skip
HARMLESS = frozenset({"sleep", "debug", "info"})
"""Statements that are calls, and for which nobody calls the function around them."""
_SETTING = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR", "IMPORT_STAR"})
_ITEMS = {"STORE_SUBSCR": 1, "DELETE_SUBSCR": 1, "STORE_SLICE": 2}
"""How deep below the top of the stack the container lies."""
_VARARGS, _VARKEYWORDS = 4, 8


def acts(function: object, allowed: frozenset[str] = frozenset(), seen: set[CodeType] | None = None) -> bool:
    """Return whether a function is called for what it does, or nobody can tell.

    `allowed`: names that tell nothing here; `seen`: is filled with the code that was looked at.
    """
    try:
        return _acts(function, set() if seen is None else seen, 0, ACTING - allowed)
    except (AttributeError, IndexError, ValueError):  # an interpreter with other instructions
        return True


def _acts(function: object, known: set[CodeType], depth: int, names: frozenset[str]) -> bool:
    function = getattr(function, "__wrapped__", function)
    if type(function) is not FunctionType:
        return True
    code = function.__code__
    if code in known:
        return False
    known.add(code)
    instructions = read(code)
    if depth > DEEPEST or len(known) > MOST or not instructions or _names_act(code, names):
        return True
    handed = set(_handed(code))
    for index, one in enumerate(instructions):
        if one.opname in _SETTING or (one.opname == "STORE_DEREF" and one.argval in code.co_freevars):
            return True
        if _changes(instructions, index, handed):
            return True
        if is_call(one):
            at = callee(instructions, index)
            called = _called(function, instructions[at]) if at >= 0 else None
            is_statement = index + 1 < len(instructions) and instructions[index + 1].opname == "POP_TOP"
            if called is not None:
                if _acts(called, known, depth + 1, names):
                    return True
            elif is_statement and not _is_own(instructions, index, at, handed):
                return True
    return False


def _names_act(code: CodeType, acting: frozenset[str]) -> bool:
    names = {*code.co_names, *code.co_freevars}
    words = {word for each in code.co_consts if isinstance(each, tuple) for word in each if isinstance(word, str)}
    changes = any(name.endswith("_") and not name.endswith("__") for name in names)  # `add_`, as torch has it
    return changes or bool(names & acting) or bool(words & {"out", "inplace"})


def _handed(code: CodeType) -> Sequence[str]:
    """Return the names of what a function was handed."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)
    return (*code.co_varnames[:count], *code.co_freevars)


def _changes(instructions: Sequence[Instruction], index: int, handed: set[str]) -> bool:
    """Return whether an instruction changes what is not the function's own."""
    one = instructions[index]
    if one.opname in _ITEMS:
        depth = _ITEMS[one.opname]
    elif changes_in_place(one):
        depth = 1
    else:
        return False
    return not _is_local(instructions, pushed(instructions, index, depth), handed)


def _is_own(instructions: Sequence[Instruction], index: int, at: int, handed: set[str]) -> bool:
    """Return whether a statement that is a call changes nothing but what the function has made itself."""
    if at < 0:  # the end of a `with` block, whose manager is handed three times None, or from Python 3.14 on its start
        before = instructions[max(0, index - 4) : index]
        nones = sum(one.opname == "LOAD_CONST" and one.argval is None for one in before)
        nones += sum(one.opname == "DUP_TOP" for one in before)  # until Python 3.10
        return nones == 3 or before[-1].opname == "LOAD_SPECIAL"
    one = instructions[at]
    if one.argval in HARMLESS:
        return True
    return one.opname in {"LOAD_METHOD", "LOAD_ATTR"} and _is_local(instructions, pushed(instructions, at, 0), handed)


def _is_local(instructions: Sequence[Instruction], at: int, handed: set[str]) -> bool:
    if at < 0:
        return False
    one = instructions[at]
    return one.opname.startswith("LOAD_FAST") and isinstance(one.argval, str) and one.argval not in handed


def _called(function: FunctionType, one: Instruction) -> object:
    """Return the Python function that is called by its name; None: it is none, or nobody knows."""
    if one.opname in {"LOAD_GLOBAL", "LOAD_NAME"}:
        found = function.__globals__.get(one.argval)
        return found if type(found) is FunctionType else None
    if one.opname == "LOAD_DEREF":
        return next((found for name, found in _cells(function) if name == one.argval), None)
    return None


def _cells(function: FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found = cell.cell_contents
        except ValueError:  # not set yet
            continue
        if type(found) is FunctionType:
            yield name, found
