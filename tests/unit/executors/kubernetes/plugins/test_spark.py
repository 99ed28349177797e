"""Spark tasks as applications of the Spark operator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flyteidl.core import security_pb2, tasks_pb2

from sandbox.executors.api import AttemptPhase, ErrorKind
from sandbox.executors.kubernetes.kinds import Printer
from sandbox.executors.kubernetes.plugins.settings import PluginSettings, SparkSettings
from sandbox.executors.kubernetes.plugins.spark import Spark
from sandbox.executors.kubernetes.pods import BadTaskError
from sandbox.executors.kubernetes.settings import KubernetesSettings
from tests import templates
from tests.unit.executors.kubernetes import requests

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SETTINGS = KubernetesSettings(
    env={"FLYTE_AWS_ENDPOINT": "http://s3"},
    interruptible_tolerations=({"key": "spot", "operator": "Exists"},),
    plugins=PluginSettings(
        spark=SparkSettings(
            conf={"spark.driver.memory": "1g", "spark.ui.enabled": "true"},
            features={"delta": {"spark.jars": "delta.jar"}},
            history_server="http://history",
        )
    ),
)


def built(name: str, **changes: Any) -> dict[str, Any]:
    return Spark().build(requests.of(templates.read(name), **changes), SETTINGS)


def variables(pod: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry["value"] for entry in pod["env"]}


def test_a_spark_task_becomes_an_application_of_its_name() -> None:
    made = built("spark")
    assert (made["apiVersion"], made["kind"]) == ("sparkoperator.k8s.io/v1beta2", "SparkApplication")
    assert made["metadata"]["name"] == "abc-n0-0-n1-1"
    spec = made["spec"]
    assert (spec["type"], spec["mode"], spec["image"]) == ("Python", "cluster", "mine:v1")
    assert spec["arguments"][:3] == ["pyflyte-execute", "--inputs", "s3://bucket/metadata/n0/inputs.pb"]
    assert spec["mainApplicationFile"].startswith("local://")
    assert spec["executor"]["instances"] == 2
    assert spec["restartPolicy"] == {"type": "OnFailure", "onSubmissionFailureRetries": 14}


def test_what_the_task_says_wins_over_the_platforms_configuration() -> None:
    conf = built("spark")["spec"]["sparkConf"]
    assert conf["spark.driver.memory"] == "512m"
    assert conf["spark.ui.enabled"] == "true"
    assert conf["spark.kubernetes.executor.podNamePrefix"] == "abc-n0-0-n1-1"


def test_cores_are_limited_to_what_is_requested_by_either_of_their_names() -> None:
    spec = built("spark_with_pods")["spec"]
    assert spec["sparkConf"]["spark.kubernetes.driver.limit.cores"] == "1"
    assert spec["sparkConf"]["spark.kubernetes.executor.limit.cores"] == "1500m"
    assert (spec["driver"]["cores"], spec["executor"]["cores"]) == (1, 2)
    assert (spec["driver"]["memory"], spec["executor"]["memory"]) == ("1g", "1g")


def test_a_feature_that_the_platform_has_is_written_out() -> None:
    template = templates.read("spark")
    template.custom["sparkConf"].update(
        {"spark.flyte.delta.enabled": "true", "spark.flyte.unknown.enabled": "true"}
    )
    conf = Spark().build(requests.of(template), SETTINGS)["spec"]["sparkConf"]
    assert conf["spark.jars"] == "delta.jar"
    assert "spark.flyte.delta.enabled" not in conf
    assert conf["spark.flyte.unknown.enabled"] == "true"


def test_driver_and_executors_have_the_variables_of_the_task_and_their_pods_own() -> None:
    spec = built("spark_with_pods")["spec"]
    driver, executor = spec["driver"], spec["executor"]
    assert driver["image"] == "driver:v1"
    assert variables(driver) == {
        "MINE": "1",
        "FLYTE_AWS_ENDPOINT": "http://s3",
        "FLYTE_ATTEMPT_NUMBER": "1",
        "FLYTE_MAX_ATTEMPTS": "1",
        "ROLE": "driver",
    }
    assert "ROLE" not in variables(executor)
    assert driver["labels"]["role"] == "driver"
    assert "role" not in executor["labels"]
    assert executor["annotations"]["mine"] == "executor"
    assert executor["nodeSelector"] == {"pool": "executors"}


def test_only_executors_may_be_interrupted() -> None:
    spec = built("spark_with_pods", interruptible=True)["spec"]
    assert spec["driver"]["tolerations"] == [{"key": "drivers", "operator": "Exists"}]
    assert spec["executor"]["tolerations"] == [{"key": "spot", "operator": "Exists"}]


def test_the_operators_pods_are_labelled_as_the_executions_but_not_as_the_executors_own() -> None:
    made = built("spark")
    assert made["metadata"]["labels"]["managed-by"] == "flyte-sandbox"
    for pod in (made["spec"]["driver"], made["spec"]["executor"]):
        assert pod["labels"]["execution-id"] == "abc"
        assert "managed-by" not in pod["labels"]
        assert "flyte.org/attempt" not in pod["annotations"]


def test_secrets_are_asked_for_on_every_pod() -> None:
    secret = security_pb2.Secret(group="g", key="k")
    for pod in ("driver", "executor"):
        made = built("spark", secrets=(secret,))["spec"][pod]
        assert made["labels"]["inject-flyte-secrets"] == "true"
        assert "flyte.secrets/s0" in made["annotations"]


def test_pods_run_as_the_executions_account_or_as_one_that_may_make_pods() -> None:
    identity = security_pb2.Identity(k8s_service_account="trainer")
    assert built("spark", identity=identity)["spec"]["executor"]["serviceAccount"] == "trainer"
    assert built("spark")["spec"]["driver"]["serviceAccount"] == "spark"


def test_an_application_that_begins_nowhere_is_refused() -> None:
    template = tasks_pb2.TaskTemplate(type="spark", container=tasks_pb2.Container(image="mine:v1"))
    with pytest.raises(BadTaskError, match="file or the class"):
        Spark().build(requests.of(template), SETTINGS)


def test_settings_of_another_shape_are_refused() -> None:
    template = templates.read("spark")
    template.custom["sparkConf"] = ["not", "a", "map"]
    with pytest.raises(BadTaskError, match="not those of a spark task"):
        Spark().build(requests.of(template), SETTINGS)


def application(state: str, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "abc-n0-0", "creationTimestamp": "2026-01-01T11:59:59Z"},
        "status": {"applicationState": {"state": state, "errorMessage": "it broke"}, **status},
    }


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("", AttemptPhase.QUEUED),
        ("SUBMITTED", AttemptPhase.INITIALIZING),
        ("RUNNING", AttemptPhase.RUNNING),
        ("SUCCEEDING", AttemptPhase.RUNNING),
        ("PENDING_RERUN", AttemptPhase.RUNNING),
        ("UNKNOWN", AttemptPhase.RUNNING),
        ("COMPLETED", AttemptPhase.SUCCEEDED),
        ("FAILED", AttemptPhase.FAILED),
        ("SUBMISSION_FAILED", AttemptPhase.INITIALIZING),
    ],
)
def test_states_of_the_application_are_phases_of_the_attempt(state: str, phase: AttemptPhase) -> None:
    assert Spark().verdict(application(state), NOW, SETTINGS).phase is phase


def test_what_could_not_be_submitted_is_the_operators_to_try_again() -> None:
    reason = Spark().verdict(application("SUBMISSION_FAILED"), NOW, SETTINGS).reason
    assert reason == "the Spark job can't be submitted, the operator tries again: it broke"


def test_a_failure_says_what_the_operator_says_and_may_be_tried_again() -> None:
    error = Spark().verdict(application("FAILED"), NOW, SETTINGS).error
    assert error is not None
    assert error.message.endswith("it broke")
    assert (error.code, error.kind, error.recoverable) == ("DownstreamSystemError", ErrorKind.USER, True)


def test_sparks_own_pages_are_linked_to() -> None:
    running = application("RUNNING", driverInfo={"podName": "d", "webUIIngressAddress": "ui.here"})
    (link,) = Spark().verdict(running, NOW, SETTINGS).logs
    assert (link.name, link.uri) == ("Spark Driver UI", "https://ui.here")
    over = application("COMPLETED", sparkApplicationId="spark-1")
    (link,) = Spark().verdict(over, NOW, SETTINGS).logs
    assert link.uri == "http://history/history/spark-1"
    assert Spark().verdict(over, NOW, SETTINGS).custom_info == {"sparkHistoryUI": link.uri}


def test_the_log_is_the_drivers() -> None:
    assert Spark().printer(application("SUBMITTED")) is None
    found = Spark().printer(application("RUNNING", driverInfo={"podName": "abc-n0-0-driver"}))
    assert found == Printer("", "abc-n0-0-driver", "spark-kubernetes-driver")
