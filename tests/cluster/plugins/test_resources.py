"""Attempts as custom resources, at a real API server; tests speak for the operators."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes import ownership
from sandbox.executors.kubernetes.kinds import Api
from sandbox.executors.kubernetes.plugins.settings import PluginSettings
from sandbox.executors.kubernetes.plugins.spark import Spark
from sandbox.executors.kubernetes.plugins.task_types import KINDS
from tests import templates
from tests.cluster.plugins import definitions
from tests.cluster.plugins.conftest import Engine, House, get, install
from tests.cluster.plugins.operators import LIVES
from tests.unit.executors.kubernetes import requests
from tests.waiting import eventually

IMAGE = "python:3.11-slim"
SPARK = KINDS["spark"]


@pytest.mark.parametrize("task_type", LIVES)
def test_an_attempt_goes_the_way_of_its_resource_and_leaves_nothing_behind(
    house: House, task_type: str
) -> None:
    engine, kind, life = Engine(), KINDS[task_type], LIVES[task_type]
    executor, request = house.executor(engine), house.request(task_type)
    executor.start(request)
    made = eventually(lambda: house.found(kind, request), timeout=60)
    assert made["kind"] == life.kind
    assert made["spec"] == kind.build(request, house.settings)["spec"], "the API server took it whole"
    for status, phase in life.begun:
        house.say(kind, request, status)
        engine.until(request, phase)
    house.say(kind, request, life.succeeded)
    engine.until(request, AttemptPhase.SUCCEEDED)
    executor.forget(request.key)
    eventually(lambda: not house.found(kind, request), timeout=60)
    assert list(executor.remembered()) == []


@pytest.mark.parametrize("task_type", LIVES)
def test_an_attempt_fails_as_its_resource_does(house: House, task_type: str) -> None:
    engine, kind, life = Engine(), KINDS[task_type], LIVES[task_type]
    executor, request = house.executor(engine), house.request(task_type)
    executor.start(request)
    house.say(kind, request, life.failed)
    error = engine.until(request, AttemptPhase.FAILED).error
    assert error is not None
    assert (error.code, error.recoverable) == (life.code, True)


def pod_of(house: House, owner: dict[str, Any], name: str, container: str, *command: str) -> dict[str, Any]:
    """A pod as an operator makes it: it belongs to the resource."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    pod = {
        "metadata": {"name": name, "ownerReferences": [reference]},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": container, "image": IMAGE, "command": list(command)}],
        },
    }
    return house.client.create(pods(owner), pod)


def pods(owner: dict[str, Any]) -> str:
    return f"/api/v1/namespaces/{owner['metadata']['namespace']}/pods"


def test_an_abort_ends_what_the_operator_started_before_anything_is_forgotten(house: House) -> None:
    engine, request = Engine(), house.request("spark")
    executor = house.executor(engine)
    executor.start(request)
    owner = eventually(lambda: house.found(SPARK, request), timeout=60)
    driver = f"{request.unique_name}-driver"
    pod_of(house, owner, driver, "spark-kubernetes-driver", "sleep", "600")
    house.say(SPARK, request, {"applicationState": {"state": "RUNNING"}, "driverInfo": {"podName": driver}})
    engine.until(request, AttemptPhase.RUNNING)
    executor.abort(request.key, "enough of it")
    assert engine.until(request, AttemptPhase.ABORTED).reason == "enough of it"
    eventually(lambda: not get(house.client, f"{pods(owner)}/{driver}"), timeout=60)
    executor.forget(request.key)
    eventually(lambda: not house.found(SPARK, request), timeout=60)


@pytest.mark.parametrize("task_type", LIVES)
def test_a_new_control_plane_takes_up_what_runs_and_what_ended_meanwhile(
    house: House, task_type: str
) -> None:
    kind, life = KINDS[task_type], LIVES[task_type]
    before, after = Engine(), Engine()
    first = house.executor(before)
    ended, runs = house.request(task_type, 1), house.request(task_type, 2)
    status, phase = life.begun[-1]
    for request in (ended, runs):
        first.start(request)
        house.say(kind, request, status)
        before.until(request, phase)
    first.close()
    uids = [house.found(kind, request)["metadata"]["uid"] for request in (ended, runs)]
    house.say(kind, ended, life.succeeded)
    second = house.executor(after)
    for request in (ended, runs):
        second.start(request)
    after.until(ended, AttemptPhase.SUCCEEDED)
    after.until(runs, phase)
    house.say(kind, runs, life.failed)
    after.until(runs, AttemptPhase.FAILED)
    assert [house.found(kind, request)["metadata"]["uid"] for request in (ended, runs)] == uids


def test_a_resource_that_somebody_deletes_is_lost_to_the_system_even_while_nobody_looks(house: House) -> None:
    before, after, request = Engine(), Engine(), house.request("ray")
    kind = KINDS["ray"]
    first = house.executor(before)
    first.start(request)
    house.say(kind, request, {"jobDeploymentStatus": "Running"})
    before.until(request, AttemptPhase.RUNNING)
    first.close()
    house.client.delete(house.path(kind, request))
    second = house.executor(after)
    second.start(request)
    error = after.until(request, AttemptPhase.FAILED).error
    assert error is not None
    assert (error.code, error.kind, error.recoverable) == (
        "ResourceDeletedExternally",
        ErrorKind.SYSTEM,
        True,
    )
    second.forget(request.key)
    eventually(lambda: not house.found(kind, request), timeout=60)


def test_an_operator_that_says_nothing_is_missed_and_never_gets_to_begin(house: House) -> None:
    engine, request = Engine(), house.request("dask")
    plugins = PluginSettings(operator_grace=timedelta(seconds=2))
    executor = house.executor(engine, plugins=plugins)
    executor.start(request)
    error = engine.until(request, AttemptPhase.FAILED).error
    assert error is not None
    assert "the Dask operator has not looked at DaskJob" in error.message
    assert (error.code, error.kind) == ("OperatorSilent", ErrorKind.SYSTEM)
    executor.forget(request.key)
    eventually(lambda: not house.found(KINDS["dask"], request), timeout=60)


def test_a_kind_that_nobody_installed_fails_at_once_and_works_once_it_is(house: House) -> None:
    class Late(Spark):
        api = Api(f"{house.name}.example", "v1", "lateapplications")

        def build(self, *arguments: Any) -> dict[str, Any]:
            made = super().build(*arguments)
            return {**made, "apiVersion": f"{self.api.group}/v1", "kind": "LateApplication"}

    late, engine = Late(), Engine()
    executor = house.executor(engine, {"spark": late})
    early = house.request("spark", 1)
    executor.start(early)
    error = engine.until(early, AttemptPhase.FAILED).error
    assert error is not None
    assert (
        f"knows no lateapplications.{house.name}.example: install Kubeflow's Spark operator" in error.message
    )
    assert (error.kind, error.recoverable) == (ErrorKind.USER, False)
    install(house.client, late.api, "LateApplication")
    try:
        request = house.request("spark", 2)
        executor.start(request)
        house.say(late, request, {"applicationState": {"state": "RUNNING"}})
        engine.until(request, AttemptPhase.RUNNING)
        house.say(late, request, {"applicationState": {"state": "COMPLETED"}})
        engine.until(request, AttemptPhase.SUCCEEDED)
        executor.forget(request.key)
        eventually(lambda: not house.found(late, request), timeout=60)
    finally:
        house.client.delete(f"{definitions.DEFINITIONS}/{definitions.name(late.api)}")


def test_many_attempts_of_one_kind_are_watched_and_never_read_one_by_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, ask = list[str](), house.client.get

    def get_and_note(path: str, query: Any = None) -> dict[str, Any]:
        read.append(path)
        return ask(path, query)

    engine, many = Engine(), [house.request("mpi", number) for number in range(30)]
    kind, life = KINDS["mpi"], LIVES["mpi"]
    executor = house.executor(engine)
    for request in many:
        executor.start(request)
    for request in many:
        house.say(kind, request, life.begun[-1][0])
    monkeypatch.setattr(house.client, "get", get_and_note)
    for request in many:
        engine.until(request, AttemptPhase.RUNNING)
    for request in many:
        house.client.patch(f"{house.path(kind, request)}/status", {"status": life.succeeded})
    for request in many:
        engine.until(request, AttemptPhase.SUCCEEDED)
        executor.forget(request.key)
    eventually(lambda: not list(executor.remembered()), timeout=60)
    assert not set(read) & {house.path(kind, request) for request in many}


@pytest.mark.parametrize("name", templates.names())
def test_the_api_server_takes_the_pods_of_every_role(house: House, name: str) -> None:
    """The definitions say nothing about what is inside; the API server knows what a pod may be."""
    template = templates.read(name)
    settings = house.settings
    made = KINDS[template.type].build(requests.of(template, interruptible=True), settings)
    found = _templates(made["spec"])
    if template.type != "spark":  # whose operator has a shape of its own
        assert found
    path = f"/api/v1/namespaces/{ownership.namespace(requests.of(template), settings)}/podtemplates"
    for pod in found:
        body = {"metadata": {"generateName": "role-"}, "template": pod}
        taken = house.client.create(path, body, {"dryRun": "All"})["template"]
        assert [one["name"] for one in taken["spec"]["containers"]] == [
            one["name"] for one in pod["spec"]["containers"]
        ]


def _templates(value: Any) -> list[dict[str, Any]]:
    match value:
        case {"spec": {"containers": [*_]} as spec}:
            return [{"metadata": value.get("metadata") or {}, "spec": spec}]
        case dict():
            return [pod for one in value.values() for pod in _templates(one)]
        case list():
            return [pod for one in value for pod in _templates(one)]
        case _:
            return []
