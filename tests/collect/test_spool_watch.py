"""Finding, reading and deleting spool segments while their writers go on."""

from __future__ import annotations

from pathlib import Path

from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.model.spool import END, EVENTS, pack_frame


def frame(text: str) -> bytes:
    return pack_frame(EVENTS, 1, text.encode())


def segment(folder: Path, number: int, spool: str = "7-1") -> Path:
    return folder / f"{spool}.{number:06}.spool"


def read_all(watcher: SpoolWatcher) -> list[tuple[str, str]]:
    texts = []
    while (piece := watcher.read()) is not None:
        texts += [(piece.spool, frame.payload.decode()) for frame in piece.frames]
    return texts


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path)
    path = segment(tmp_path, 0)
    path.write_bytes(frame("one"))
    first = read_all(watcher)

    path.write_bytes(frame("one") + frame("two"))

    assert (first, read_all(watcher), read_all(watcher)) == ([("7-1", "one")], [("7-1", "two")], [])


def test_a_torn_end_is_read_once_it_has_grown(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path)
    whole = frame("one") + frame("two")
    path = segment(tmp_path, 0)
    seen = []

    for size in range(0, len(whole) + 1, 5):
        path.write_bytes(whole[:size])
        seen += read_all(watcher)
    path.write_bytes(whole)
    seen += read_all(watcher)

    assert seen == [("7-1", "one"), ("7-1", "two")]


def test_a_read_is_bounded_but_never_smaller_than_a_frame(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path, bytes_per_step=100)
    segment(tmp_path, 0).write_bytes(frame("a" * 10) * 4 + frame("b" * 1000) + frame("c"))

    pieces = []
    while (piece := watcher.read()) is not None:
        pieces.append([len(frame.payload) for frame in piece.frames])

    assert pieces == [[10, 10], [10, 10], [1000], [1]]


def test_processes_take_turns(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path, bytes_per_step=30)
    segment(tmp_path, 0, "7-1").write_bytes(frame("a") * 2)
    segment(tmp_path, 0, "8-1").write_bytes(frame("b") * 2)

    assert [spool for spool, _ in read_all(watcher)] == ["7-1", "8-1", "7-1", "8-1"]


def test_a_segment_that_came_while_others_were_read_is_not_missed(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path)
    segment(tmp_path, 0).write_bytes(frame("one"))
    first = watcher.read()

    segment(tmp_path, 1).write_bytes(frame("two"))

    assert first is not None
    assert read_all(watcher) == [("7-1", "two")]


def test_finished_segments_are_deleted_on_release_and_not_before(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path)
    for number in range(3):
        segment(tmp_path, number).write_bytes(frame(str(number)))
    seen = read_all(watcher)
    kept = sorted(path.name for path in tmp_path.iterdir())

    watcher.release()

    assert seen == [("7-1", "0"), ("7-1", "1"), ("7-1", "2")]
    assert kept == [segment(tmp_path, number).name for number in range(3)]
    assert list(tmp_path.iterdir()) == [segment(tmp_path, 2)]  # its writer may go on


def test_a_closed_spool_is_deleted_whole(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path)
    segment(tmp_path, 0).write_bytes(frame("a") + pack_frame(END, 0, b""))
    read_all(watcher)

    watcher.release()

    assert list(tmp_path.iterdir()) == []
    assert read_all(watcher) == []


def test_a_damaged_end_of_a_finished_segment_is_counted_and_passed(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path)
    segment(tmp_path, 0).write_bytes(frame("a") + frame("b")[:-1])
    segment(tmp_path, 1).write_bytes(frame("c"))

    assert read_all(watcher) == [("7-1", "a"), ("7-1", "c")]
    assert watcher.damaged == {"7-1": len(frame("b")) - 1}


def test_a_frame_that_does_not_match_its_checksum_is_not_read(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path)
    good, bad = frame("a"), bytearray(frame("b"))
    bad[-1] ^= 1
    segment(tmp_path, 0).write_bytes(good + bad)

    seen = read_all(watcher)
    watcher.close()

    assert seen == [("7-1", "a")]
    assert watcher.damaged == {"7-1": len(bad)}


def test_closing_makes_every_segment_ready_for_release(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path)
    segment(tmp_path, 0).write_bytes(frame("a") + frame("b")[:7])
    read_all(watcher)

    watcher.close()
    watcher.release()

    assert list(tmp_path.iterdir()) == []


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("x.spool", "7-1.abc.spool", "notes.txt")]
    for path in others:
        path.write_bytes(frame("a"))
    watcher = SpoolWatcher(tmp_path)

    assert read_all(watcher) == []
    watcher.close()
    watcher.release()

    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_folder_that_is_not_there_yet_has_nothing_to_read(tmp_path: Path) -> None:
    assert SpoolWatcher(tmp_path / "spool").read() is None


def test_a_sealed_watcher_leaves_what_is_written_later(tmp_path: Path) -> None:
    watcher = SpoolWatcher(tmp_path)
    segment(tmp_path, 0).write_bytes(frame("one"))

    watcher.seal()
    segment(tmp_path, 0).write_bytes(frame("one") + frame("two"))
    segment(tmp_path, 1).write_bytes(frame("three"))
    segment(tmp_path, 0, "8-1").write_bytes(frame("four"))
    read = read_all(watcher)
    watcher.close()

    assert (read, watcher.damaged) == ([("7-1", "one")], {})
