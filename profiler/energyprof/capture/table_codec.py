"""Everything in a capture but spans as packed bytes: stages, lanes, origins, lane runs, readings, CPU times, flows."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any

import numpy as np

from energyprof.capture.codec import pack_columns, unpack_columns
from energyprof.errors import CaptureError
from energyprof.model.power import Readings, ThreadCpu, Use
from energyprof.model.recording import LaneOrigin, LaneRow, LocalStage
from energyprof.model.span import Ints, LaneRuns
from energyprof.model.tally import PowerSums

_STAGE_FIELDS = tuple(field.name for field in fields(LocalStage))


def pack_json(value: object) -> bytes:
    """Return `value` as compressed JSON; lone surrogates in names survive as escapes."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode("ascii"), 1)


def unpack_json(packed: bytes) -> Any:
    """Return what was packed; raises CaptureError where the bytes are no compressed JSON."""
    try:
        return json.loads(zlib.decompress(packed))
    except (zlib.error, ValueError) as error:
        raise CaptureError(f"a block cannot be unpacked ({error})") from error


def pack_stages(stages: Sequence[LocalStage]) -> bytes:
    """Return lane-relative stages packed."""
    return pack_json([astuple(stage) for stage in stages])


def unpack_stages(packed: bytes) -> list[LocalStage]:
    """Return lane-relative stages."""
    try:
        rows = [dict(zip(_STAGE_FIELDS, row, strict=True)) for row in unpack_json(packed)]
        return [LocalStage(**{**row, "after": tuple(row["after"])}) for row in rows]
    except (TypeError, ValueError) as error:
        raise CaptureError("a block of stages does not fit together") from error


def pack_lanes(lanes: Sequence[LaneRow]) -> bytes:
    """Return lanes packed: their numbers as columns, then their names."""
    rows = np.array([(lane.index, lane.pid, lane.number, lane.tid, lane.kind, lane.host) for lane in lanes], np.int64)
    columns = pack_columns(tuple(rows.T), (1, 0, 1, 0, 0, 0))
    return len(columns).to_bytes(4, "little") + columns + pack_json([lane.name for lane in lanes])


def unpack_lanes(packed: bytes) -> list[Ints]:
    """Return the columns index, pid, number, tid, kind, host; nobody needs the names yet."""
    return unpack_columns(packed[4 : 4 + int.from_bytes(packed[:4], "little")], 6)


def pack_origins(origins: Sequence[LaneOrigin]) -> bytes:
    """Return origins packed."""
    rows = np.array([(o.lane, o.parent_lane, o.parent_stage, o.t_ns) for o in origins], np.int64)
    return pack_columns(tuple(rows.T), (1, 0, 0, 1))


def unpack_origins(packed: bytes) -> list[Ints]:
    """Return the columns lane, parent_lane, parent_stage, t_ns."""
    return unpack_columns(packed, 4)


def pack_lane_runs(runs: LaneRuns) -> bytes:
    """Return lane runs packed, best ordered by start: neighbours then share their noise."""
    order = np.argsort(runs.start_ns, kind="stable")
    start_ns, end_ns = runs.start_ns[order], runs.end_ns[order]
    gap_ns = start_ns - np.concatenate((start_ns[:1], end_ns[:-1]))
    return pack_columns((runs.lane[order], start_ns[:1], gap_ns, end_ns - start_ns), (0, 0, 0, 0))


def unpack_lane_runs(packed: bytes) -> LaneRuns:
    """Return lane runs."""
    lane, first_ns, gap_ns, length_ns = unpack_columns(packed, 4)
    if not len(lane) == len(gap_ns) == len(length_ns) or len(first_ns) != min(len(lane), 1):
        raise CaptureError("a block of lane runs does not fit together")
    end_ns = np.cumsum(gap_ns + length_ns)
    if len(first_ns):
        end_ns += first_ns
    return LaneRuns(lane.astype(np.int32), end_ns - length_ns, end_ns)


def pack_readings(readings: Readings) -> bytes:
    """Return the readings of one domain packed."""
    took_ns = readings.t_after_ns - readings.t_before_ns
    return pack_columns((readings.t_before_ns, took_ns, readings.raw, readings.status), (1, 0, 1, 0))


def unpack_readings(packed: bytes) -> Readings:
    """Return the readings of one domain."""
    before_ns, took_ns, raw, status = unpack_columns(packed, 4)
    if not len(before_ns) == len(took_ns) == len(raw) == len(status):
        raise CaptureError("a block of readings does not fit together")
    return Readings(before_ns, before_ns + took_ns, raw, status.astype(np.uint8))


def pack_power_sums(sums: PowerSums) -> bytes:
    """Return the power sums of one domain packed."""
    return pack_columns((sums.start_ns, sums.end_ns - sums.start_ns, sums.raw_us), (1, 0, 0))


def unpack_power_sums(packed: bytes) -> PowerSums:
    """Return the power sums of one domain."""
    start_ns, length_ns, raw_us = unpack_columns(packed, 3)
    if not len(start_ns) == len(length_ns) == len(raw_us):
        raise CaptureError("a block of power sums does not fit together")
    return PowerSums(start_ns, start_ns + length_ns, raw_us)


def pack_cpu(cpu: ThreadCpu) -> bytes:
    """Return CPU times packed; they must be ordered by (pid, tid, t_ns)."""
    return pack_columns((cpu.pid, cpu.tid, cpu.t_ns, cpu.cpu_ns), (1, 1, 1, 1))


def unpack_cpu(packed: bytes) -> ThreadCpu:
    """Return CPU times."""
    pid, tid, t_ns, cpu_ns = unpack_columns(packed, 4)
    if not len(pid) == len(tid) == len(t_ns) == len(cpu_ns):
        raise CaptureError("a block of CPU times does not fit together")
    return ThreadCpu(pid.astype(np.int32), tid.astype(np.int32), t_ns, cpu_ns)


def pack_use(use: Use) -> bytes:
    """Return who used something packed."""
    return pack_columns((use.t_ns, use.own_ns, use.others_ns, use.profiler_ns), (1, 1, 1, 1))


def unpack_use(packed: bytes) -> Use:
    """Return who used something."""
    columns = unpack_columns(packed, 4)
    if len({len(column) for column in columns}) != 1:
        raise CaptureError("a block of use does not fit together")
    return Use(*columns)
