"""An attempt's directory holds what survives both halves of the executor."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.executors.process import attempts
from sandbox.executors.process.runner import records
from sandbox.idl.identifiers import AttemptKey, ExecutionId, UniqueNodeId


def key(node: str = "n0", attempt: int = 0) -> AttemptKey:
    return AttemptKey(ExecutionId("p", "d", "e"), UniqueNodeId(node), attempt)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_name_leads_out_of_the_root(name: str) -> None:
    root = Path("/root/tasks")
    directory = attempts.attempt_directory(root, key(node=name))
    assert Path(os.path.normpath(directory)) == directory
    assert len(directory.relative_to(root).parts) == 6


def test_an_attempt_is_claimed_once(tmp_path: Path) -> None:
    claimed = records.create_marker(str(tmp_path), "/runner", 1.5)
    assert claimed is not None
    assert records.create_marker(str(tmp_path), "/other", 2.5) is None
    assert records.read_marker(str(tmp_path)) == records.Marker("/runner", 1.5, 0, 0)
    records.add_process(claimed, 42, 4200)
    os.close(claimed)
    assert records.read_marker(str(tmp_path)) == records.Marker("/runner", 1.5, 42, 4200)


@pytest.mark.parametrize("left", [b"", b'{"runner": "/r', b'{"runner":"/r","started_at":1.0}\n{"pid'])
def test_a_marker_that_was_cut_short_still_claims(tmp_path: Path, left: bytes) -> None:
    (tmp_path / records.MARKER).write_bytes(left)
    assert records.read_marker(str(tmp_path)) is not None


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert attempts.read_result(tmp_path) is None
    result = records.Result("exited", 0, None, 1.0, 2.0, 1024, "")
    records.write_result(str(tmp_path), result)
    assert attempts.read_result(tmp_path) == result


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert attempts.tail(log) == ""
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    assert attempts.tail(log, lines=2) == "line 98\nline 99"


def test_cleaning_leaves_the_log(tmp_path: Path) -> None:
    directory = attempts.attempt_directory(tmp_path, key())
    (directory / records.WORK).mkdir(parents=True)
    (directory / records.LOG).write_text("said")
    (directory / records.MARKER).write_text("")
    (directory / f"{records.RESULT}.4711").write_text("cut sh")  # its writer was killed
    attempts.clean(tmp_path, directory)
    attempts.clean(tmp_path, directory)
    assert [entry.name for entry in directory.iterdir()] == [records.LOG]


def test_what_is_cleaned_is_no_longer_remembered(tmp_path: Path) -> None:
    names = [key("n0-0-n1", 2), key("..", 0), key("a/b", 11)]
    for name in names:
        directory = attempts.attempt_directory(tmp_path, name)
        directory.mkdir(parents=True)
        (directory / records.LOG).touch()
        (directory / records.RESULT).touch()
    (tmp_path / "attempts" / "p" / "d" / "e" / "n0" / "no-number").mkdir(parents=True)
    assert sorted(attempts.remembered(tmp_path)) == sorted(names)
    for name in names:
        attempts.clean(tmp_path, attempts.attempt_directory(tmp_path, name))
    assert list(attempts.remembered(tmp_path)) == []
