"""A real embedded sandbox for tests and bench: run by the command line, in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution
from flyteidl.core import identifier_pb2, literals_pb2
from flyteidl.service import admin_pb2_grpc, dataproxy_pb2_grpc

from sandbox.propeller import histories
from sandbox.propeller.archive import Archive
from sandbox.server import settings
from sandbox.server.config import ServerConfig
from sandbox.store.database import Database, DatabaseSettings

PROJECT, DOMAIN = "flytesnacks", "development"
ExecutionProto = identifier_pb2.WorkflowExecutionIdentifier
TERMINAL = frozenset(
    core_execution.WorkflowExecution.Phase.Value(name)
    for name in ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")
)


class CommandFailed(RuntimeError):
    """A sandbox command ended with another exit code than 0."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox by name, in its own SANDBOX_HOME and HOME under `folder`."""

    folder: Path
    name: str

    @property
    def environ(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("FLYTE", "SANDBOX_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        return kept | {"HOME": str(home), "SANDBOX_HOME": str(self.folder / "sandboxes"), "NO_COLOR": "1"}

    def run(
        self, *arguments: str, check: bool = True, timeout: float = 300, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`sandbox ARGUMENTS` as a subprocess."""
        done = subprocess.run(
            [sys.executable, "-m", "sandbox.cli", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd or self.folder,
            check=False,
        )
        if check and done.returncode != 0:
            raise CommandFailed(
                f"sandbox {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def start(self, *options: str) -> dict[str, Any]:
        """Start, or verify; what `-o json` printed at its end."""
        done = self.run("start", "--profile", "embedded", "--name", self.name, "-o", "json", *options)
        return last_document(done.stdout)

    def status(self) -> dict[str, Any]:
        return last_document(self.run("status", "--name", self.name, "-o", "json").stdout)

    def teardown(self) -> None:
        self.run("teardown", "--name", self.name, "--volume")

    def project(self, *modules: Path) -> Path:
        """A folder as a user's project: these modules in a package, and this interpreter's environment."""
        folder = self.folder / "project"
        package = folder / "workflows"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        for module in modules:
            shutil.copy(module, package / module.name)
        if not (folder / ".venv").exists():
            (folder / ".venv").symlink_to(sys.prefix)
        return folder

    def pyflyte(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`pyflyte ARGUMENTS` in the project, with the config that the sandbox wrote."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("pyflyte")), *arguments],
            env=self.environ | {"FLYTECTL_CONFIG": str(self.client_config)},
            capture_output=True,
            text=True,
            timeout=300,
            cwd=self.folder / "project",
            check=False,
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}\n{done.stderr}"
            raise CommandFailed(f"pyflyte {' '.join(arguments)}: exit {done.returncode}\n{said}")
        return done

    def register(self, version: str) -> None:
        """Everything of the project, by fast registration."""
        self.pyflyte("register", "-p", PROJECT, "-d", DOMAIN, "--version", version, "workflows")

    @contextmanager
    def archive(self) -> Iterator[Archive]:
        """Histories of its executions; its database must be up."""
        document = json.loads((self.folder / "sandboxes" / self.name / "sandbox.json").read_text())
        config = ServerConfig.from_json(document["server"])
        database = Database(DatabaseSettings(config.database.url, pool_size=2))
        try:
            yield Archive(settings.engine(config), database, settings.object_store(config))
        finally:
            database.close()

    def audit(self) -> int:
        """Make sure that each execution that is over is what its history says: folded again, it gives the
        rows that people see. Returns how many there are.
        """
        with self.archive() as archive:
            ended = archive.ended()
            for execution in ended:
                history = archive.history(execution)
                findings = histories.verify(history) + archive.audit(execution)
                if findings:
                    raise AssertionError(f"{execution}: {findings}")
        return len(ended)

    @property
    def client_config(self) -> Path:
        return Path(self.environ["HOME"]) / ".flyte" / f"config-{self.name}.yaml"

    def kill(self, component: str) -> int:
        """SIGKILL the process of a component; its pid."""
        pid = next(c["pid"] for c in self.status()["components"] if c["name"] == component)
        os.kill(pid, signal.SIGKILL)
        return int(pid)


def last_document(text: str) -> dict[str, Any]:
    """The last JSON document of a command's output: either all of it, or its last line."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        document = json.loads(text.strip().splitlines()[-1])
    return dict(document)


class Client:
    """The admin service by its stubs, for what is measured or must be wrong: flytekit would be in the way."""

    def __init__(self, target: str) -> None:
        self.channel = grpc.insecure_channel(target)
        self.admin = admin_pb2_grpc.AdminServiceStub(self.channel)
        self.data = dataproxy_pb2_grpc.DataProxyServiceStub(self.channel)

    def create_execution(
        self,
        plan: str,
        version: str,
        inputs: literals_pb2.LiteralMap,
        *,
        max_parallelism: int = 0,
        name: str = "",
    ) -> ExecutionProto:
        spec = execution_pb2.ExecutionSpec(
            launch_plan=identifier_pb2.Identifier(
                resource_type=identifier_pb2.LAUNCH_PLAN,
                project=PROJECT,
                domain=DOMAIN,
                name=plan,
                version=version,
            ),
            max_parallelism=max_parallelism,
        )
        request = execution_pb2.ExecutionCreateRequest(
            project=PROJECT, domain=DOMAIN, name=name, spec=spec, inputs=inputs
        )
        return self.admin.CreateExecution(request).id

    def get(self, execution: ExecutionProto) -> execution_pb2.Execution:
        return self.admin.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=execution))

    def wait(
        self,
        execution: ExecutionProto,
        timeout: float = 60,
        interval: float = 0.005,
        patience: float = 0.0,
    ) -> execution_pb2.Execution:
        """The execution once it is terminal. Raises TimeoutError.

        It is looked at every `interval` seconds, or every `patience` part of the time waited if that is more.
        """
        begun = time.monotonic()
        deadline = begun + timeout
        while True:
            found = self.get(execution)
            if found.closure.phase in TERMINAL:
                return found
            if time.monotonic() > deadline:
                phase = core_execution.WorkflowExecution.Phase.Name(found.closure.phase)
                raise TimeoutError(f"{execution.name} is still {phase} after {timeout} s")
            time.sleep(max(interval, patience * (time.monotonic() - begun)))

    def abort(self, execution: ExecutionProto, cause: str) -> None:
        self.admin.TerminateExecution(execution_pb2.ExecutionTerminateRequest(id=execution, cause=cause))

    def outputs(self, execution: ExecutionProto) -> Mapping[str, literals_pb2.Literal]:
        data = self.admin.GetExecutionData(execution_pb2.WorkflowExecutionGetDataRequest(id=execution))
        return data.full_outputs.literals

    def close(self) -> None:
        self.channel.close()


def integers(**values: int) -> literals_pb2.LiteralMap:
    """A literal map of integers."""
    return literals_pb2.LiteralMap(
        literals={
            name: literals_pb2.Literal(
                scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=value))
            )
            for name, value in values.items()
        }
    )
