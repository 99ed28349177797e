"""Ignore files: what stays out of a project's snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.appliance.building import ignores, snapshots
from sandbox.appliance.building.errors import ProjectUnusable


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "data/a.csv", True),
        ("/a.csv", "data/a.csv", False),
        ("data/*.csv", "data/a.csv", True),
        ("data/*.csv", "more/data/a.csv", False),
        ("**/a.csv", "x/y/a.csv", True),
        ("data/**", "data/x/y", True),
        ("a?.txt", "ab.txt", True),
        ("a[0-9].txt", "a5.txt", True),
        ("a[!0-9].txt", "a5.txt", False),
        ("a.b", "axb", False),
        ("# a comment", "# a comment", False),
    ],
)
def test_git_patterns_match_as_git_does(pattern: str, path: str, excluded: bool) -> None:
    assert ignores.parse_git([pattern]).excludes(path, is_directory=False) is excluded


def test_docker_patterns_begin_at_the_root() -> None:
    rules = ignores.parse_docker(["*.csv"])
    assert rules.excludes("a.csv", is_directory=False)
    assert not rules.excludes("data/a.csv", is_directory=False)


def test_the_last_match_decides() -> None:
    rules = ignores.parse_git(["*.csv", "!keep.csv"])
    assert rules.excludes("a.csv", is_directory=False)
    assert not rules.excludes("keep.csv", is_directory=False)


def test_a_pattern_with_a_slash_at_its_end_is_for_folders() -> None:
    rules = ignores.parse_git(["build/"])
    assert rules.excludes("build", is_directory=True)
    assert not rules.excludes("build", is_directory=False)


def _write(project: Path, **files: str) -> None:
    for name, text in files.items():
        path = project / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_caches_environments_and_version_control_are_never_in_a_snapshot(tmp_path: Path) -> None:
    _write(
        tmp_path,
        _DOT_git__config="x",
        env__pyvenv_DOT_cfg="home = x",
        env__lib="x",
        pkg__a_DOT_py="x",
        pkg__a_DOT_pyc="x",
        node_modules__m="x",
    )
    assert list(snapshots.files(tmp_path)) == ["pkg/a.py"]


def test_a_dockerignore_counts_before_a_gitignore(tmp_path: Path) -> None:
    _write(tmp_path, _DOT_gitignore="data\n", _DOT_dockerignore="notes\n", data__a="x", notes__b="x")
    assert "data/a" in snapshots.files(tmp_path)
    assert "notes/b" not in snapshots.files(tmp_path)


def test_a_file_in_an_excluded_folder_can_be_taken_back(tmp_path: Path) -> None:
    _write(tmp_path, _DOT_dockerignore="data\n!data/small\n", data__small="x", data__large="x")
    assert [name for name in snapshots.files(tmp_path) if name.startswith("data")] == ["data/small"]


def test_the_digest_tells_content_and_names_apart(tmp_path: Path) -> None:
    _write(tmp_path, a="1")
    first = snapshots.digest(tmp_path)
    assert snapshots.digest(tmp_path) == first
    _write(tmp_path, a="2")
    assert snapshots.digest(tmp_path) != first


def test_a_project_that_is_far_too_large_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "SIZE_LIMIT", 10)
    _write(tmp_path, lake__huge="x" * 100)
    with pytest.raises(ProjectUnusable, match="lake"):
        snapshots.digest(tmp_path)


def test_a_snapshot_holds_the_files_and_links_as_they_are(tmp_path: Path) -> None:
    project = tmp_path / "project"
    _write(project, pkg__a_DOT_py="code")
    (project / "link").symlink_to("pkg/a.py")
    snapshots.take(project, tmp_path / "copy")
    assert (tmp_path / "copy" / "pkg" / "a.py").read_text() == "code"
    assert (tmp_path / "copy" / "link").is_symlink()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
