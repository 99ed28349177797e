"""One sandbox for the session, driven by the command line only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandboxes import Sandbox

EXAMPLE = Path(__file__).parents[3] / "examples" / "diabetes"


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Ready, without a source project."""
    sandbox = Sandbox(tmp_path_factory.mktemp("cli"), "cli-tests")
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.teardown()


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The diabetes example, copied to where a user would have it."""
    folder = tmp_path_factory.mktemp("projects") / "diabetes"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "flyte-package.tgz"))
    return folder
