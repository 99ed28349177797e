"""What holds for all kinds of custom resources."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes import ownership
from sandbox.executors.kubernetes.plugins.settings import PluginSettings
from sandbox.executors.kubernetes.plugins.task_types import KINDS
from sandbox.executors.kubernetes.settings import KubernetesSettings
from tests import templates
from tests.unit.executors.kubernetes import requests

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SETTINGS = KubernetesSettings(plugins=PluginSettings(operator_grace=timedelta(minutes=2)))


def pods_of(value: Any) -> list[dict[str, Any]]:
    """Everything inside that has containers."""
    match value:
        case {"containers": [*_]}:
            return [value]
        case dict():
            return [pod for one in value.values() for pod in pods_of(one)]
        case list():
            return [pod for one in value for pod in pods_of(one)]
        case _:
            return []


@pytest.mark.parametrize("name", templates.names())
def test_a_task_of_every_plugin_becomes_a_resource_that_is_found_again_by_its_attempt(name: str) -> None:
    template = templates.read(name)
    request = requests.of(template, timeout=timedelta(seconds=90))
    made = json.loads(json.dumps(KINDS[template.type].build(request, SETTINGS)))
    assert made["metadata"] == ownership.metadata(request, SETTINGS)
    assert ownership.key_of(made) == request.key
    api = KINDS[template.type].api
    assert made["apiVersion"] == f"{api.group}/{api.version}"
    assert made["kind"].lower() + "s" == api.plural
    assert '.0"' not in json.dumps(made).replace("0.0.0.0", "")
    for pod in pods_of(made["spec"]):
        assert "activeDeadlineSeconds" not in pod
        assert all("{{" not in word for one in pod["containers"] for word in one.get("args", ()))


@pytest.mark.parametrize("name", templates.names())
def test_building_changes_nothing_and_comes_to_the_same_again(name: str) -> None:
    template = templates.read(name)
    request = requests.of(template)
    first = KINDS[template.type].build(request, SETTINGS)
    assert template == templates.read(name)
    assert KINDS[template.type].build(request, SETTINGS) == first


def untouched(age: timedelta) -> dict[str, Any]:
    created = (NOW - age).isoformat().replace("+00:00", "Z")
    return {"kind": "Thing", "metadata": {"name": "abc-n0-0", "creationTimestamp": created}}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_operator_has_its_time_and_then_is_taken_for_missing(kind: Any) -> None:
    fresh = kind.verdict(untouched(timedelta(seconds=1)), NOW, SETTINGS)
    assert (fresh.phase, fresh.look_again) == (AttemptPhase.QUEUED, timedelta(seconds=29))
    late = kind.verdict(untouched(timedelta(seconds=90)), NOW, SETTINGS)
    assert late.phase is AttemptPhase.QUEUED
    assert kind.operator in late.reason
    assert late.look_again == timedelta(seconds=30)
    silent = kind.verdict(untouched(timedelta(minutes=2)), NOW, SETTINGS)
    assert silent.error is not None
    assert kind.operator in silent.error.message
    assert (silent.error.code, silent.error.kind) == ("OperatorSilent", ErrorKind.SYSTEM)
    assert silent.to_end


def test_an_impatient_platform_looks_again_when_its_patience_ends() -> None:
    settings = KubernetesSettings(plugins=PluginSettings(operator_grace=timedelta(seconds=5)))
    verdict = KINDS["spark"].verdict(untouched(timedelta(seconds=1)), NOW, settings)
    assert verdict.look_again == timedelta(seconds=4)


@pytest.mark.parametrize("task_type", ["ray", "pytorch", "tensorflow", "mpi"])
def test_a_job_that_is_suspended_waits_for_nobody(task_type: str) -> None:
    found = untouched(timedelta(hours=1))
    found["spec"] = {"suspend": True, "runPolicy": {"suspend": True}}
    assert KINDS[task_type].verdict(found, NOW, SETTINGS).phase is AttemptPhase.QUEUED


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    "status", [{}, {"conditions": None}, {"applicationState": None}, {"jobStatus": None}]
)
def test_statuses_with_holes_are_borne(kind: Any, status: dict[str, Any]) -> None:
    found = {**untouched(timedelta(seconds=1)), "status": status}
    assert kind.verdict(found, NOW, SETTINGS).phase is AttemptPhase.QUEUED
    assert kind.printer(found) is None
