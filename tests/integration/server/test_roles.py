"""Each role as a process of its own, over a real Postgres and a real object store."""

from __future__ import annotations

import itertools
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import psycopg2
import pytest
from flyteidl.admin import execution_pb2, launch_plan_pb2, project_pb2, task_pb2, workflow_pb2
from flyteidl.core import execution_pb2 as core_execution
from flyteidl.core import identifier_pb2, literals_pb2
from flyteidl.datacatalog import datacatalog_pb2, datacatalog_pb2_grpc
from flyteidl.service import admin_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sandbox.propeller import histories
from sandbox.propeller.archive import Archive
from sandbox.propeller.settings import EngineSettings
from sandbox.store import migrate
from sandbox.store.database import Database, DatabaseSettings
from tests.integration import servers
from tests.integration.server import split
from tests.integration.server.split import HOST, ControlPlane
from tests.unit.propeller import building
from tests.waiting import eventually

Phase = core_execution.WorkflowExecution
_numbers = itertools.count()


@pytest.fixture
def empty_url(postgres_server: servers.PostgresServer) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"empty_{next(_numbers)}"
    postgres_server.execute(f"CREATE DATABASE {name}")
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def plane(tmp_path: Path, empty_url: str, s3: servers.NanioServer) -> Iterator[ControlPlane]:
    with split.control_plane(tmp_path, empty_url, s3) as made:
        yield made


@pytest.fixture
def channel(plane: ControlPlane) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"{HOST}:{plane.admin_port}") as opened:
        yield opened


class Client:
    """Registers a workflow that takes its time, launches it, looks."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self.count = 0

    def register(self, seconds: float) -> None:
        """Echo, a pause, echo."""
        task = building.task()
        template = building.workflow(
            "slow",
            [
                building.run("n0"),
                building.sleep("n1", seconds, after=["n0"]),
                building.run("n2", "n0", after=["n1"]),
            ],
            "n2",
        )
        self.admin.CreateTask(task_pb2.TaskCreateRequest(id=task.id, spec=task_pb2.TaskSpec(template=task)))
        self.admin.CreateWorkflow(
            workflow_pb2.WorkflowCreateRequest(
                id=template.id, spec=workflow_pb2.WorkflowSpec(template=template)
            )
        )
        plan = building.identifier(identifier_pb2.LAUNCH_PLAN, "slow")
        spec = launch_plan_pb2.LaunchPlanSpec(workflow_id=template.id)
        spec.default_inputs.parameters["x"].var.type.CopyFrom(building.INTEGER)
        spec.default_inputs.parameters["x"].required = True
        self.admin.CreateLaunchPlan(launch_plan_pb2.LaunchPlanCreateRequest(id=plan, spec=spec))

    def launch(self, number: int) -> list[identifier_pb2.WorkflowExecutionIdentifier]:
        plan = building.identifier(identifier_pb2.LAUNCH_PLAN, "slow")
        made = []
        for _ in range(number):
            self.count += 1
            request = execution_pb2.ExecutionCreateRequest(
                project="flytesnacks",
                domain="development",
                name=f"e{self.count}",
                spec=execution_pb2.ExecutionSpec(launch_plan=plan),
                inputs=literals_pb2.LiteralMap(literals={"x": building.integer(self.count)}),
            )
            made.append(self.admin.CreateExecution(request).id)
        return made

    def phases(self, executions: list[identifier_pb2.WorkflowExecutionIdentifier]) -> set[str]:
        found = set()
        for execution in executions:
            request = execution_pb2.WorkflowExecutionGetRequest(id=execution)
            found.add(Phase.Phase.Name(self.admin.GetExecution(request).closure.phase))
        return found

    def wait(self, executions: list[identifier_pb2.WorkflowExecutionIdentifier], timeout: float = 40) -> None:
        eventually(lambda: self.phases(executions) == {"SUCCEEDED"}, timeout, interval=0.1)


def owners(url: str) -> dict[str, int]:
    """How many executions each engine has."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT lease_owner, count(*) FROM executions WHERE NOT terminal AND lease_owner IS NOT NULL "
                "GROUP BY lease_owner"
            )
            return {str(owner): int(number) for owner, number in cursor.fetchall()}
    finally:
        connection.close()


def audit(plane: ControlPlane) -> int:
    """Hold what people see of each ended execution against its history; how many there are."""
    database = Database(DatabaseSettings(plane.database_url, pool_size=2))
    try:
        prefix = f"s3://{servers.BUCKET}/{plane.folder.name}"
        found = EngineSettings(metadata_prefix=f"{prefix}/metadata", raw_data_prefix=f"{prefix}/data")
        archive = Archive(found, database, plane.s3.objects)
        ended = archive.ended()
        for execution in ended:
            history = archive.history(execution)
            assert histories.verify(history) + archive.audit(execution) == []
        return len(ended)
    finally:
        database.close()


def engines(plane: ControlPlane, *names: str) -> dict[str, split.Role]:
    """Engines that work. Without an API server they say that they are not ready; echo tasks need none."""
    started = {name: plane.start("propeller", name, wait=False) for name in names}
    for role in started.values():
        assert "can't be followed" in eventually(
            lambda role=role: role.ask("/readyz")[1].replace("The process is starting or stopping.\n", ""), 60
        )
    return started


def test_roles_wait_for_the_migration_and_then_work_together(
    plane: ControlPlane, channel: grpc.Channel, empty_url: str
) -> None:
    waiting = [plane.start(name, wait=False) for name in ("admin", "datacatalog", "scheduler")]
    for role in waiting:
        assert "starting" in role.wait_until("/readyz", 503)
        assert role.wait_until("/livez") == "ok\n"
    connection = psycopg2.connect(empty_url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('alembic_version')")
        assert cursor.fetchone() == (None,), "a role that is to wait has migrated"
    connection.close()
    plane.migrate()
    for role in waiting:
        role.wait_until("/readyz")
    console = plane.start("console")
    admin, datacatalog, _ = waiting

    projects = admin_pb2_grpc.AdminServiceStub(channel).ListProjects(project_pb2.ProjectListRequest())
    assert {project.id for project in projects.projects} >= {"flytesnacks", "sandbox-system"}
    for port in (admin.listen.grpc, admin.edge, datacatalog.listen.grpc):
        with grpc.insecure_channel(f"{HOST}:{port}") as asked:
            answer = health_pb2_grpc.HealthStub(asked).Check(health_pb2.HealthCheckRequest())
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with grpc.insecure_channel(f"{HOST}:{datacatalog.listen.grpc}") as asked:
        catalog = datacatalog_pb2_grpc.DataCatalogStub(asked)
        dataset = datacatalog_pb2.Dataset(
            id=datacatalog_pb2.DatasetID(project="p", domain="d", name="n", version="v")
        )
        catalog.CreateDataset(datacatalog_pb2.CreateDatasetRequest(dataset=dataset))
    for port in (admin.edge, console.listen.http):
        with urllib.request.urlopen(f"http://{HOST}:{port}/healthcheck", timeout=10) as answered:
            assert answered.status == 200
    assert 'flyte_sandbox_ready{role="admin"} 1' in admin.ask("/metrics")[1]
    for role in (admin, datacatalog, console, waiting[2]):
        assert role.stop() == 0, role.log.read_text()


def test_what_migrates_can_be_run_again(plane: ControlPlane, empty_url: str) -> None:
    plane.migrate()
    plane.migrate()
    connection = psycopg2.connect(empty_url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        assert cursor.fetchall() == [(migrate.HEAD,)]
    connection.close()


def test_a_killed_engines_executions_are_taken_over(
    plane: ControlPlane, channel: grpc.Channel, empty_url: str
) -> None:
    plane.migrate()
    plane.start("admin")
    running = engines(plane, "one", "two")
    client = Client(channel)
    client.register(seconds=3.0)
    launched = client.launch(12)
    before = eventually(lambda: (found := owners(empty_url)) and sum(found.values()) == 12 and found)
    victim = max(before, key=lambda name: before[name])
    running[victim].stop(signal.SIGKILL)
    client.wait(launched)
    assert audit(plane) == 12
    other = next(name for name in running if name != victim)
    assert running[other].stop() == 0, running[other].log.read_text()


def test_an_engine_that_is_stopped_hands_its_executions_over_at_once(
    plane: ControlPlane, channel: grpc.Channel, empty_url: str
) -> None:
    plane.migrate()
    plane.start("admin")
    engines(plane, "old")
    client = Client(channel)
    client.register(seconds=20.0)
    client.launch(8)
    eventually(lambda: owners(empty_url) == {"old": 8})
    engines(plane, "new")
    old = next(role for role in plane.roles if role.instance == "old")
    assert old.stop() == 0
    # Sooner than any lease runs out, and than the new one looks at everything.
    eventually(lambda: owners(empty_url) == {"new": 8}, 0.8)


def test_nothing_is_lost_while_every_role_is_replaced(
    plane: ControlPlane, channel: grpc.Channel, empty_url: str
) -> None:
    plane.migrate()
    admin = plane.start("admin")
    old = engines(plane, "one", "two")
    client = Client(channel)
    client.register(seconds=2.0)
    launched = client.launch(10)
    for name, role in old.items():
        engines(plane, f"{name}-new")
        assert role.stop() == 0
        launched += client.launch(5)
    assert admin.stop() == 0
    plane.start("admin")
    launched += eventually(lambda: _launched(client))
    client.wait(launched)
    assert audit(plane) == len(launched) == 21


def _launched(client: Client) -> list[identifier_pb2.WorkflowExecutionIdentifier]:
    """One more; while the channel finds its way back, none."""
    try:
        return client.launch(1)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return []


def test_an_edge_without_a_console_says_so(plane: ControlPlane) -> None:
    plane.migrate()
    admin = plane.start("admin")
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"http://{HOST}:{admin.edge}/console", timeout=10)


def test_a_lost_object_store_is_told(tmp_path: Path, empty_url: str, s3: servers.NanioServer) -> None:
    with servers.nanio() as own, split.control_plane(tmp_path, empty_url, own) as plane:
        plane.migrate()
        admin = plane.start("admin")
        own_port = int(own.settings.endpoint.rpartition(":")[2])
        own.stop()
        assert f":{own_port}" in admin.wait_until("/readyz", 503)
        assert admin.ask("/livez")[0] == 200


def test_a_port_that_is_taken_is_told(plane: ControlPlane) -> None:
    with socket.create_server((HOST, plane.admin_port)):
        admin = plane.start("admin", wait=False)
        assert admin.process.wait(timeout=30) == 1
    assert f"can't listen on {HOST}:{plane.admin_port}" in admin.log.read_text()


@pytest.mark.parametrize("role", ["webhook", "syncresources"])
def test_a_role_without_its_api_server_is_alive_and_says_what_it_misses(
    plane: ControlPlane, role: str
) -> None:
    started = plane.start(role, wait=False)
    told = started.wait_until("/readyz", 503)
    assert started.wait_until("/livez") == "ok\n"
    if role == "webhook":
        assert "API server can't be reached" in eventually(
            lambda: (said := started.ask("/readyz")[1]) and "reached" in said and said
        )
    assert told
    assert started.stop() == 0
