"""A process executor over real forks, a real flytekit and a real nanio; one set of runners a session."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.executors.process import shutdown
from sandbox.executors.process.settings import ProcessSettings
from tests.integration import servers
from tests.integration.executors.bench import PROJECT, Bench

FLYTEKIT_PYTHON = os.environ.get("SANDBOX_TEST_FLYTEKIT_PYTHON", sys.executable)


@pytest.fixture(scope="session")
def settings(s3: servers.NanioServer) -> Iterator[ProcessSettings]:
    """The settings of a machine whose default environment has flytekit and this folder's project."""
    with tempfile.TemporaryDirectory(prefix="sandbox-test-tasks-") as root:
        image = Path(root, "images", "default")
        image.mkdir(parents=True)
        environment = {
            "tag": "default",
            "python": FLYTEKIT_PYTHON,
            "root": str(PROJECT),
            "env": {"FROM": "image"},
        }
        (image / "environment.json").write_text(json.dumps(environment))
        yield ProcessSettings(
            tasks_root=Path(root, "tasks"),
            images_root=Path(root, "images"),
            objects_root=s3.root,
            s3_endpoint=s3.settings.endpoint,
            canary_python=Path(sys.executable),
        )
        shutdown.stop_runners(Path(root, "tasks"))


@pytest.fixture
def bench(
    settings: ProcessSettings, s3: servers.NanioServer, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    """An executor and everything to drive it, with an execution of its own."""
    fresh = Bench(settings, s3, execution=request.node.name)
    yield fresh
    fresh.close()
