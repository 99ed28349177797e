"""Which Python a project asks for, and what its Dockerfile says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sandbox.appliance.building import dockerfiles, interpreters
from sandbox.appliance.building.errors import PythonUnavailable


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("FROM python:3.8-slim-buster\n", "3.8"),
        ("FROM --platform=linux/amd64 docker.example/library/python:3.11.4\n", "3.11"),
        ("FROM example/flytekit:py3.10-1.6.0\n", "3.10"),
        ("ARG V=3.9\nFROM python:${V}-slim\n", "3.9"),
        ("FROM python:3.12 AS base\nFROM base\n", "3.12"),
        ("FROM python:3.12 AS base\nFROM ubuntu:22.04\n", None),
        ("# FROM python:3.7\nFROM ubuntu\n", None),
        ("", None),
    ],
)
def test_the_last_stage_of_a_dockerfile_names_the_python(text: str, version: str | None) -> None:
    assert dockerfiles.parse(text).python == version


def test_plain_variables_of_a_dockerfile_are_kept_and_its_own_folders_are_not() -> None:
    text = 'FROM x\nENV A=1 B="two words"\nENV C three four\nENV PATH=$A/bin:$PATH\nENV D=$A\n'
    assert dockerfiles.parse(text).env == {"A": "1", "B": "two words", "C": "three four"}


def test_a_wish_is_taken_from_the_dockerfile_first(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.9\n")
    (tmp_path / ".python-version").write_text("3.10.1\n")
    wish = interpreters.wished(tmp_path)
    assert wish is not None
    assert (str(wish.specifier), wish.said_by) == ("==3.9.*", "the Dockerfile")


def test_a_wish_may_be_a_range_from_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nrequires-python = ">=3.9,<4"\n')
    chosen = interpreters.choose(tmp_path)
    assert chosen.path == Path(sys.executable)


def test_without_a_wish_this_python_is_taken(tmp_path: Path) -> None:
    assert interpreters.choose(tmp_path).path == Path(sys.executable)


@pytest.mark.parametrize("version", ["3.7", "2.7", "three", "3"])
def test_an_impossible_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(PythonUnavailable):
        interpreters.choose(tmp_path, version)


def test_a_program_that_is_no_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PythonUnavailable, match="is no Python"):
        interpreters.choose(tmp_path, "/bin/true")


def test_a_missing_python_that_a_file_names_is_replaced_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "find", lambda version: None)
    monkeypatch.setattr(interpreters, "_download", lambda version: None)
    (tmp_path / "Dockerfile").write_text("FROM python:3.9\n")
    chosen = interpreters.choose(tmp_path)
    assert chosen.path == Path(sys.executable)
    assert "3.9" in chosen.instead_of
    with pytest.raises(PythonUnavailable, match=r"3\.9 is not on this machine"):
        interpreters.choose(tmp_path, "3.9")
