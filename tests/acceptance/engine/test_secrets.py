"""Secrets from the command line to the task, and nowhere else."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flyteidl.admin import execution_pb2 as admin_execution
from flyteidl.core import execution_pb2, identifier_pb2, literals_pb2, security_pb2
from flytekit.remote import FlyteRemote

from sandbox.appliance.state import SandboxState
from tests.acceptance.engine.conftest import VERSION
from tests.sandboxes import DOMAIN, PROJECT, Client, Sandbox

pytestmark = pytest.mark.filterwarnings("ignore")

Phase = execution_pb2.WorkflowExecution.Phase
VALUES = {
    ("db", "password"): "pa55-w0rd",
    ("Db", "User"): "ada-lovelace",
    ("tls", "cert"): "--cert-of-ours--",
}


@pytest.fixture
def secrets(sandbox: Sandbox) -> Iterator[None]:
    """The secrets of `workflows.control`, each set in another way."""
    sandbox.run(
        "secret", "set", "db", "password", "--value", VALUES["db", "password"], "--name", sandbox.name
    )
    file = sandbox.folder / "user.txt"
    file.write_text(VALUES["Db", "User"])
    sandbox.run("secret", "set", "Db", "User", "--from-file", str(file), "--name", sandbox.name)
    subprocess.run(
        [sys.executable, "-m", "sandbox.cli", "secret", "set", "tls", "cert", "--name", sandbox.name],
        input=VALUES["tls", "cert"].encode() + b"\n",
        env=sandbox.environ,
        cwd=sandbox.folder,
        check=True,
        capture_output=True,
    )
    yield
    for group, key in VALUES:
        sandbox.run("secret", "delete", group, key, "--name", sandbox.name)


def _state(sandbox: Sandbox) -> SandboxState:
    return SandboxState.locate(sandbox.name, at=sandbox.folder / "sandboxes")


def test_tasks_find_the_secrets_that_they_ask_for_and_leave_nothing_of_them(
    sandbox: Sandbox, remote: FlyteRemote, secrets: None
) -> None:
    plan = remote.fetch_launch_plan(name="workflows.control.reads_secrets", version=VERSION)
    execution = remote.execute(plan, inputs={}, wait=True)
    assert execution.closure.phase == Phase.SUCCEEDED, execution.error
    *values, path = execution.outputs.get("o0", as_type=list[str])
    assert values == list(VALUES.values())
    root = _state(sandbox).root
    assert path.startswith(f"{root}/tasks/attempts/{PROJECT}/{DOMAIN}/{execution.id.name}/")
    assert not Path(path).parent.parent.exists()
    # The task returned them, so they are in its outputs; they must be nowhere else.
    told = [*VALUES.values()]
    for folder in ("run", "logs", "tasks"):
        assert [file for file in _files(root / folder) if any(_holds(file, value) for value in told)] == []
    assert not any(value in (root / "sandbox.json").read_text() for value in told)


def _files(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            if stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size < 1 << 20:
                yield path


def _holds(path: Path, value: str) -> bool:
    try:
        return value.encode() in path.read_bytes()
    except FileNotFoundError:
        return False


def test_names_are_listed_and_values_are_not(sandbox: Sandbox, secrets: None) -> None:
    listed = sandbox.run("secret", "list", "--name", sandbox.name, "-o", "json").stdout
    assert {(one["group"], one["key"]) for one in json.loads(listed)} >= set(VALUES)
    for words in (("list",), ("set", "db", "password", "--value", VALUES["db", "password"])):
        done = sandbox.run("secret", *words, "--name", sandbox.name)
        assert not any(value in done.stdout + done.stderr for value in VALUES.values())
    stored = list(_files(_state(sandbox).secrets))
    assert len(stored) >= len(VALUES)
    assert {stat.S_IMODE(path.stat().st_mode) for path in stored} == {0o600}


def test_a_missing_secret_fails_the_task_for_good_and_says_what_to_do(
    sandbox: Sandbox, remote: FlyteRemote, client: Client, journal: Path
) -> None:
    plan = remote.fetch_launch_plan(name="workflows.control.wants_missing_secret", version=VERSION)
    execution = remote.execute(plan, inputs={"journal": str(journal)}, wait=True)
    error = execution.error
    assert (error.code, error.kind) == ("MissingSecret", execution_pb2.ExecutionError.USER)
    assert f"`sandbox secret set nowhere to_be_found --name {sandbox.name}`" in error.message
    assert journal.read_text() == ""


def test_a_secret_that_the_execution_asks_for_reaches_every_task(
    sandbox: Sandbox, client: Client, secrets: None
) -> None:
    wanted = security_pb2.Secret(group="db", key="password", env_var="PGPASSWORD", mount_requirement=1)
    names = literals_pb2.LiteralCollection(
        literals=[
            literals_pb2.Literal(
                scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(string_value=name))
            )
            for name in ("PGPASSWORD", "_FSEC_DB_PASSWORD", "_FSEC_DB_USER")
        ]
    )
    execution = client.admin.CreateExecution(
        admin_execution.ExecutionCreateRequest(
            project=PROJECT,
            domain=DOMAIN,
            inputs=literals_pb2.LiteralMap(literals={"names": literals_pb2.Literal(collection=names)}),
            spec=admin_execution.ExecutionSpec(
                launch_plan=identifier_pb2.Identifier(
                    resource_type=identifier_pb2.LAUNCH_PLAN,
                    project=PROJECT,
                    domain=DOMAIN,
                    name="workflows.control.sees_environment",
                    version=VERSION,
                ),
                security_context=security_pb2.SecurityContext(secrets=[wanted]),
            ),
        )
    ).id
    found = client.wait(execution)
    assert found.closure.phase == Phase.SUCCEEDED, found.closure.error
    values = client.outputs(execution)["o0"].collection.literals
    assert [value.scalar.primitive.string_value for value in values] == [VALUES["db", "password"]] * 2 + [""]


def test_what_can_not_be_done_is_said_with_a_remedy(sandbox: Sandbox) -> None:
    missing = sandbox.run("secret", "delete", "no", "such", "--name", sandbox.name, check=False)
    assert missing.returncode == 1
    assert "secret list" in missing.stderr
    nowhere = sandbox.run("secret", "list", "--name", "no-such-sandbox", check=False)
    assert nowhere.returncode == 1
    assert "sandbox start" in nowhere.stderr
    unnamed = sandbox.run("secret", "set", "a", "b", "c", "--value", "d", "--name", sandbox.name, check=False)
    assert unnamed.returncode == 2
