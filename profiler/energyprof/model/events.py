"""The event codes that the recorder writes and the converter reads: two int64 per event, (code, t_ns).

`t_ns` is `time.perf_counter_ns()` of the recorded process. What a code means, by range:

* `1 .. 2**31 - 1`: the stage with this code begins in the lane running in this thread; its negative: that stage ends;
* `RESUME + code`: the stage goes on with a generator that has begun before, which is no call; it ends in the same way;
* `LANE + k`: lane `k` of this process (a coroutine task, an executor's work item) now runs in this thread;
  `k = 0`: the thread's own lane again;
* `SPAWN + k`: lane `k` (a thread, a task, a child process) was created here, below the stage open at this instant;
* `WORK + unit * 2**32 + count`: the stage open at this instant has so many more of a unit to work off (`WORK_UNITS`);
* `GIVE + k`: the stage open at this instant hands out an object, known by the number `k` from here on; `SIZE + n` right
  after it: of `n` bytes. `TAKE + k`: it receives that object. `PASS + k`: the object goes by another number from here
  on, as the stage open hands it out again; `LIKE + k`: or one that looks alike, which has come to lie in its place.
  Their time counts for nothing, their place among the lane's events does;
* `CALL + k`: the stage open at this instant is a call `k` of a model, about to end, of which autograd has recorded
  something; `SAMPLES + n` right after it: for `n` samples. `BACK + k`: a backward pass comes to that call; `BACK`
  alone: one begins. `BATCH`: the stage open, a loader, gives a batch;
* `END_ANY`: the innermost open stage of the running lane ends (an instrument that does not know which one).
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs 13 ms, and the profiled program imports this file at its start
if TYPE_CHECKING:
    from typing import Final, Literal

    WorkUnit = Literal[
        "samples",
        "tokens",
        "training_calls",
        "gradient_calls",
        "backward_calls",
        "dropped_results",
        "calls_on_same_tensors",
        "calls_on_same_inputs",
        "calls_on_like_inputs",
        "trained_samples",
        "unlearnt_calls",
        "unlearnt_rows",
        "unlearnt_ns",
    ]

RESUME: Final = 1 << 32
LANE: Final = 1 << 40
SPAWN: Final = 1 << 41
WORK: Final = 1 << 42
WORK_UNITS: Final = (
    "samples",
    "tokens",
    "training_calls",
    "gradient_calls",
    "backward_calls",
    "dropped_results",
    "calls_on_same_tensors",
    "calls_on_same_inputs",
    "calls_on_like_inputs",
    "trained_samples",
    "unlearnt_calls",
    "unlearnt_rows",
    "unlearnt_ns",
)
"""What a stage works off, counted by whoever hands it over: parts of a batch, positions of sequences. Of a model's
calls: with layers that behave differently in training; that autograd has recorded; that a backward pass came to. Of a
stage's calls: whose result the line that called it drops. Of a model's again: on tensors that it has had before, with
the same outcome. Of a function's: on inputs that it has had before, with the same result; the same, as far as it was
looked at. Last come what the converter finds of a model's recorded calls: samples of those that a backward pass
came to; and of calls between the steps of a training that none came to, how many, in how many rows, and their time."""
WORK_LIMIT: Final = 1 << 32
GIVE: Final = 1 << 43
TAKE: Final = 1 << 44
PASS: Final = 1 << 45
LIKE: Final = PASS + (1 << 44)
SIZE: Final = 1 << 46
SIZE_LIMIT: Final = 1 << 46
CALL: Final = 1 << 47
BACK: Final = 1 << 48
SAMPLES: Final = 1 << 49
SAMPLES_LIMIT: Final = 1 << 48
BATCH: Final = 1 << 50
END_ANY: Final = -(1 << 39)
STAGE_LIMIT: Final = 1 << 31
OTHER_STAGE: Final = "<other>"
NAME_LIMIT: Final = 10_000
"""At most this many distinct stage names are kept; later ones are recorded as `OTHER_STAGE` and the report warns."""


def work_code(unit: WorkUnit, count: int) -> int:
    """Return the code of the event that says that the open stage has `count` more of `unit` to work off."""
    return WORK + WORK_UNITS.index(unit) * WORK_LIMIT + min(count, WORK_LIMIT - 1)
