"""Distributions unpack inside their directory only; working directories show code without copying it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from sandbox.executors.process.runner import code, s3


def archive(path: Path, *members: tuple[str, bytes | None, str]) -> str:
    """A tar file of (name, content, link target); a member with a target is a symbolic link."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content, target in members:
            member = tarfile.TarInfo(name)
            if target:
                member.type, member.linkname = tarfile.SYMTYPE, target
            member.size = len(content or b"")
            tar.addfile(member, io.BytesIO(content or b""))
    return str(path)


def test_files_and_folders_are_unpacked(tmp_path: Path) -> None:
    made = archive(tmp_path / "a.tar.gz", ("pkg/mod.py", b"x = 1", ""), ("./top.py", b"", ""))
    code.unpack(made, str(tmp_path / "out"))
    assert (tmp_path / "out/pkg/mod.py").read_bytes() == b"x = 1"
    assert (tmp_path / "out/top.py").exists()


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "a/b/../../../evil"])
def test_a_member_outside_of_the_distribution_is_refused(tmp_path: Path, name: str) -> None:
    made = archive(tmp_path / "a.tar.gz", (name, b"x", ""))
    with pytest.raises(code.CodeError, match="outside"):
        code.unpack(made, str(tmp_path / "out"))
    assert not (tmp_path / "evil").exists()


def test_an_absolute_name_is_taken_as_relative_like_tar_does(tmp_path: Path) -> None:
    code.unpack(archive(tmp_path / "a.tar.gz", ("/etc/here", b"x", "")), str(tmp_path / "out"))
    assert (tmp_path / "out/etc/here").exists()


def test_nothing_is_written_through_a_link_of_the_archive(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    made = archive(tmp_path / "a.tar.gz", ("door", None, str(outside)), ("door/evil", b"x", ""))
    with pytest.raises(code.CodeError, match="both as a link and as a folder"):
        code.unpack(made, str(tmp_path / "out"))
    assert not (outside / "evil").exists()


def test_modules_and_packages_are_linked_into_a_working_directory(tmp_path: Path) -> None:
    (tmp_path / "src/pkg").mkdir(parents=True)
    (tmp_path / "src/pkg/__init__.py").write_text("")
    (tmp_path / "src/mod.py").write_text("x")
    (tmp_path / "work").mkdir()
    code.overlay(str(tmp_path / "work"), str(tmp_path / "src"))
    assert (tmp_path / "work/mod.py").is_symlink()
    assert (tmp_path / "work/pkg").is_symlink()


def test_a_task_that_changes_a_file_of_its_project_changes_a_copy(tmp_path: Path) -> None:
    (tmp_path / "src/data").mkdir(parents=True)
    (tmp_path / "src/data/table.csv").write_text("a,b")
    (tmp_path / "work").mkdir()
    code.overlay(str(tmp_path / "work"), str(tmp_path / "src"))
    assert not (tmp_path / "work/data").is_symlink()
    (tmp_path / "work/data/table.csv").write_text("changed")
    assert (tmp_path / "src/data/table.csv").read_text() == "a,b"


def test_a_huge_project_is_linked_rather_than_copied(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for number in range(2_100):
        (tmp_path / "src" / f"{number}.txt").touch()
    (tmp_path / "work").mkdir()
    code.overlay(str(tmp_path / "work"), str(tmp_path / "src"))
    assert sum(entry.is_symlink() for entry in (tmp_path / "work").iterdir()) == 2_000


def test_a_distribution_lies_over_the_snapshot_and_changes_neither(tmp_path: Path) -> None:
    for root, text in (("image", "old"), ("fast", "new")):
        (tmp_path / root / "pkg").mkdir(parents=True)
        (tmp_path / root / "pkg/mod.py").write_text(text)
        (tmp_path / root / "pkg" / f"{root}.py").write_text(root)
    work = tmp_path / "work"
    work.mkdir()
    code.overlay(str(work), str(tmp_path / "image"), str(tmp_path / "fast"))
    assert (work / "pkg/mod.py").read_text() == "new"
    assert sorted(entry.name for entry in (work / "pkg").iterdir()) == ["fast.py", "image.py", "mod.py"]
    assert (tmp_path / "image/pkg/mod.py").read_text() == "old"
    assert not (tmp_path / "image/pkg/fast.py").exists()


def test_a_package_that_the_distribution_brings_whole_is_linked_whole(tmp_path: Path) -> None:
    for root in ("image", "fast"):
        (tmp_path / root / "pkg/deep").mkdir(parents=True)
        for name in ("__init__.py", "mod.py", "deep/mod.py"):
            (tmp_path / root / "pkg" / name).write_text(root)
    (tmp_path / "image/pkg/__pycache__").mkdir()
    (tmp_path / "fast/pkg/only_here.py").write_text("")
    (tmp_path / "work").mkdir()
    code.overlay(str(tmp_path / "work"), str(tmp_path / "image"), str(tmp_path / "fast"))
    assert (tmp_path / "work/pkg").readlink() == tmp_path / "fast/pkg"


def test_what_only_the_snapshot_has_in_a_package_is_kept_below_it(tmp_path: Path) -> None:
    for root in ("image", "fast"):
        (tmp_path / root / "pkg/deep").mkdir(parents=True)
        (tmp_path / root / "pkg/__init__.py").write_text(root)
    (tmp_path / "image/pkg/deep/table.csv").write_text("a,b")
    (tmp_path / "work").mkdir()
    code.overlay(str(tmp_path / "work"), str(tmp_path / "image"), str(tmp_path / "fast"))
    assert (tmp_path / "work/pkg/deep/table.csv").read_text() == "a,b"
    assert (tmp_path / "work/pkg/__init__.py").read_text() == "fast"


def test_a_file_takes_the_place_of_a_folder_and_a_folder_that_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "image/one").mkdir(parents=True)
    (tmp_path / "image/one/below.txt").touch()
    (tmp_path / "image/two").write_text("file")
    (tmp_path / "fast/two").mkdir(parents=True)
    (tmp_path / "fast/two/inside.txt").touch()
    (tmp_path / "fast/one").write_text("file")
    (tmp_path / "work").mkdir()
    code.overlay(str(tmp_path / "work"), str(tmp_path / "image"), str(tmp_path / "fast"))
    assert (tmp_path / "work/one").read_text() == "file"
    assert (tmp_path / "work/two/inside.txt").exists()


def test_a_distribution_is_fetched_once_and_again_when_it_changes(tmp_path: Path) -> None:
    bucket = tmp_path / "objects/bucket"
    bucket.mkdir(parents=True)
    store = s3.Store("http://127.0.0.1:1", "-", "-", roots={"s3://": str(tmp_path / "objects")})
    cache = str(tmp_path / "cache")
    archive(bucket / "code.tar.gz", ("mod.py", b"one", ""))
    first = code.fetch("s3://bucket/code.tar.gz", cache, store)
    assert code.fetch("s3://bucket/code.tar.gz", cache, store) == first
    archive(bucket / "code.tar.gz", ("mod.py", b"number two", ""))
    second = code.fetch("s3://bucket/code.tar.gz", cache, store)
    assert Path(first, "mod.py").read_bytes() == b"one"
    assert Path(second, "mod.py").read_bytes() == b"number two"


def test_a_distribution_that_is_no_archive_is_named(tmp_path: Path) -> None:
    bucket = tmp_path / "objects/bucket"
    bucket.mkdir(parents=True)
    (bucket / "code.tar.gz").write_bytes(b"not a tar file")
    store = s3.Store("http://127.0.0.1:1", "-", "-", roots={"s3://": str(tmp_path / "objects")})
    with pytest.raises(code.CodeError, match=r"s3://bucket/code\.tar\.gz cannot be unpacked"):
        code.fetch("s3://bucket/code.tar.gz", str(tmp_path / "cache"), store)
