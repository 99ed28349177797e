"""Image tags find their Python environments."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from sandbox.executors.process import environments


def describe(images: Path, tag: str, **more: object) -> Path:
    folder = images / quote(tag, safe="")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "environment.json"
    path.write_text(json.dumps({"tag": tag, "python": sys.executable, "root": None, "env": {}, **more}))
    return path


def test_a_tag_finds_its_own_environment(tmp_path: Path) -> None:
    describe(tmp_path, "registry/app:v1", root="/code", env={"A": "1"})
    resolution = environments.Environments(tmp_path).resolve("registry/app:v1")
    assert resolution.warning == ""
    assert resolution.environment.root == Path("/code")
    assert resolution.environment.env == {"A": "1"}


def test_an_unknown_tag_gets_the_default_with_a_warning_that_names_it(tmp_path: Path) -> None:
    describe(tmp_path, "default")
    resolution = environments.Environments(tmp_path).resolve("registry/app:v1")
    assert resolution.environment.tag == "default"
    assert "registry/app:v1" in resolution.warning


def test_without_a_default_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(environments.NoEnvironmentError, match=r"sandbox build PATH --tag app:v1.*--source"):
        environments.Environments(tmp_path).resolve("app:v1")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    found = environments.Environments(tmp_path)
    path = describe(tmp_path, "app:v1")
    assert found.resolve("app:v1").environment.root is None
    describe(tmp_path, "app:v1", root="/code")
    os.utime(path, ns=(1, 1))
    assert found.resolve("app:v1").environment.root == Path("/code")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = describe(tmp_path, "app:v1")
    path.write_text("{}")
    with pytest.raises(environments.NoEnvironmentError, match=str(path)):
        environments.Environments(tmp_path).resolve("app:v1")


def test_an_environment_that_lost_its_python_says_so(tmp_path: Path) -> None:
    describe(tmp_path, "app:v1", python="/nowhere/bin/python")
    with pytest.raises(environments.NoEnvironmentError, match="/nowhere/bin/python"):
        environments.Environments(tmp_path).resolve("app:v1")


def test_the_canary_tag_needs_no_file(tmp_path: Path) -> None:
    found = environments.Environments(tmp_path, Path(sys.executable))
    assert found.resolve("sandbox-canary").environment.python == Path(sys.executable)


def test_installing_a_package_makes_a_new_generation(tmp_path: Path) -> None:
    libraries = tmp_path / "lib/python3.11/site-packages"
    libraries.mkdir(parents=True)
    environment = environments.Environment("a", tmp_path / "bin/python")
    before = environment.generation()
    assert environment.generation() == before
    os.utime(libraries, ns=(1, 1))
    assert environment.generation() != before
