"""The unmodified flytekit registers, runs, waits and downloads against these services."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flyteidl.admin import node_execution_pb2, task_execution_pb2

from tests.integration import servers
from tests.integration.admin import builders
from tests.integration.admin.conftest import Admin
from tests.integration.admin.history import History

CLIENT = Path(__file__).with_name("flytekit_client.py")
WORKFLOWS = Path(__file__).parents[2] / "workflows" / "basics.py"
PYFLYTE = "from flytekit.clis.sdk_in_container.pyflyte import main; main()"


class Flytekit:
    """Runs the real client as its user would: another process, another Python, an empty home."""

    def __init__(self, admin: Admin, s3: servers.NanioServer, home: Path) -> None:
        self.admin = admin
        self.python = os.environ.get("SANDBOX_TEST_FLYTEKIT_PYTHON", sys.executable)
        self.s3 = s3.settings.endpoint
        self.home = home
        self.config = home / "config.yaml"
        self.config.write_text(
            f"admin:\n  endpoint: dns:///{admin.target}\n  insecure: true\n"
            f"storage:\n  type: minio\n  connection:\n    endpoint: {self.s3}\n"
            "    access-key: minio\n    secret-key: miniostorage\n"
        )

    def call(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """The interpreter with these arguments."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH") and not name.startswith("FLYTE")
        }
        return subprocess.run(
            [self.python, *argv],
            cwd=self.home,
            env={**environment, "HOME": str(self.home), "FLYTE_SDK_LOGGING_LEVEL": "40"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def pyflyte(self, *argv: str) -> str:
        """pyflyte, which must succeed."""
        done = self.call("-c", PYFLYTE, "-c", str(self.config), *argv)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def remote(self, action: str, name: str) -> dict[str, Any]:
        """FlyteRemote, by way of the client script."""
        done = self.call(str(CLIENT), action, self.admin.target, self.s3, name)
        assert done.returncode == 0, done.stdout + done.stderr
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
        answer: dict[str, Any] = json.loads(line.removeprefix("ANSWER "))
        return answer


@pytest.fixture
def flytekit(admin_with_s3: Admin, s3: servers.NanioServer, tmp_path: Path) -> Flytekit:
    """The client, in a home with the workflows under test."""
    (tmp_path / "basics.py").write_text(WORKFLOWS.read_text())
    return Flytekit(admin_with_s3, s3, tmp_path)


def register(flytekit: Flytekit) -> str:
    return flytekit.pyflyte(
        "register", "--project", "flytesnacks", "--domain", "development", "--version", "v1",
        "--activate-launchplans", "basics.py",
    )  # fmt: skip


def finish(flytekit: Flytekit, name: str) -> None:
    """What the engine would have done."""
    objects, history = flytekit.admin.context.objects, History(flytekit.admin.context.database, name)
    base = f"s3://my-s3-bucket/metadata/propeller/{name}/n0/data"
    inputs = builders.literal_map(name=builders.string("Ada"))
    outputs = builders.literal_map(o0=builders.string("Hello, Ada!"))
    objects.put(f"{base}/inputs.pb", inputs.SerializeToString())
    objects.put(f"{base}/0/outputs.pb", outputs.SerializeToString())
    uri = f"{base}/0/outputs.pb"
    for system in ("start-node", "end-node"):
        history.node(system)
    node = history.node(
        "n0",
        input_uri=f"{base}/inputs.pb",
        closure=node_execution_pb2.NodeExecutionClosure(output_uri=uri),
    )
    attempt = task_execution_pb2.TaskExecutionClosure(output_uri=uri)
    history.attempt(node, input_uri=f"{base}/inputs.pb", closure=attempt)
    history.execution("SUCCEEDED", outputs_uri=uri, terminal=True)


def test_a_module_is_registered_again_and_again(flytekit: Flytekit) -> None:
    first = register(flytekit)
    assert "Successfully registered" in first or "Success" in first
    assert "basics.hello" in first
    again = register(flytekit)
    assert "basics.hello" in again


def test_a_workflow_is_fetched_executed_waited_for_and_downloaded(flytekit: Flytekit) -> None:
    register(flytekit)
    started = flytekit.remote("run", "greet")
    assert started["inputs"] == ["name"]
    assert started["nodes"] == ["n0"]
    assert (started["execution"], started["lone"]) == ("greet", "greet-task")
    assert started["recent"] == ["greet", "greet-task"]
    assert started["url"].endswith("/console/projects/flytesnacks/domains/development/executions/greet")
    assert started["domains"] == ["development", "staging", "production"]
    assert started["projects"] == ["flyteexamples", "flytesnacks"]
    finish(flytekit, "greet")
    done = flytekit.remote("finish", "greet")
    assert done["phase"] == 4
    assert (done["inputs"], done["outputs"]) == ("Ada", "Hello, Ada!")
    assert (done["attempts"], done["node_outputs"]) == ([0], "Hello, Ada!")
    assert done["nodes"] == ["end-node", "n0", "start-node"]
    assert done["by_url"] == "Hello, Ada!"
    caught = flytekit.remote("fail", "greet")
    assert "EntityNotExist" in caught["missing"]
    assert "nobody" in caught["wrong"]
    assert "already terminated" in caught["terminated"]


def test_a_workflow_runs_straight_from_its_file(flytekit: Flytekit) -> None:
    out = flytekit.pyflyte(
        "run", "--remote", "--project", "flytesnacks", "--domain", "development",
        "--name", "straight", "basics.py", "hello", "--name", "Ada",
    )  # fmt: skip
    assert "/executions/straight" in out
