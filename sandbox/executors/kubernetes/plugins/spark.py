"""Spark tasks as SparkApplications: one driver, which makes the pods of its executors. Pure.

Only the executors may be interrupted. The operator submits again what could not be submitted, until it gives
up and calls it failed; a failed application is tried again by the engine, as a new attempt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flyteidl.core import tasks_pb2
from flyteidl.plugins import spark_pb2

from sandbox.executors.api import AttemptPhase, LogLink, TaskRequest
from sandbox.executors.kubernetes import ownership
from sandbox.executors.kubernetes.kinds import Api, Printer
from sandbox.executors.kubernetes.plugins import roles, statuses
from sandbox.executors.kubernetes.plugins.roles import Role
from sandbox.executors.kubernetes.pods import BadTaskError
from sandbox.executors.kubernetes.settings import KubernetesSettings
from sandbox.executors.kubernetes.verdicts import Verdict

_SUBMISSION_RETRIES = 14
"""Of the operator: a submission fails too where a quota has no room."""
_FEATURE = re.compile(r"spark\.(?:flyteorg|flyte)\.(.+)\.enabled")
_TYPES = {
    spark_pb2.SparkApplication.PYTHON: "Python",
    spark_pb2.SparkApplication.JAVA: "Java",
    spark_pb2.SparkApplication.SCALA: "Scala",
    spark_pb2.SparkApplication.R: "R",
}
_OVER = ("COMPLETED", "FAILED")


class Spark:
    """`SparkApplication`, of the Spark operator."""

    api = Api("sparkoperator.k8s.io", "v1beta2", "sparkapplications")
    operator = "Kubeflow's Spark operator"

    def build(self, request: TaskRequest, settings: KubernetesSettings) -> dict[str, Any]:
        """The application of an attempt; raises BadTaskError and RenderingError."""
        job = spark_pb2.SparkJob()
        roles.custom(request, job)
        if not job.mainApplicationFile and not job.mainClass:
            raise BadTaskError("a Spark task needs the file or the class that its application begins with")
        conf = _conf(request, job, settings)
        driver = roles.of(request, settings, interruptible=False)
        executor = roles.of(request, settings)
        if job.HasField("driverPod"):
            _overlay(driver, job.driverPod, request, settings)
        if job.HasField("executorPod"):
            _overlay(executor, job.executorPod, request, settings)
        spec = {
            "type": _TYPES.get(job.applicationType, "Python"),
            "sparkVersion": "",
            "mode": "cluster",
            "image": executor.container["image"],
            "arguments": executor.container.get("args"),
            "mainApplicationFile": job.mainApplicationFile,
            "mainClass": job.mainClass,
            "sparkConf": conf,
            "hadoopConf": dict(job.hadoopConf),
            "batchScheduler": conf.get("spark.batchScheduler"),
            "restartPolicy": {"type": "OnFailure", "onSubmissionFailureRetries": _SUBMISSION_RETRIES},
            "driver": _spark_pod(driver, request, settings, conf, "spark.driver"),
            "executor": _spark_pod(executor, request, settings, conf, "spark.executor"),
        }
        return {
            "apiVersion": f"{self.api.group}/{self.api.version}",
            "kind": "SparkApplication",
            "metadata": ownership.metadata(request, settings),
            "spec": roles.without_empty(spec) | {"sparkVersion": ""},
        }

    def verdict(self, found: Mapping[str, Any], now: datetime, settings: KubernetesSettings) -> Verdict:
        """What the application's state means for the attempt."""
        status = statuses.of(found)
        application = status.get("applicationState") or {}
        state, message = application.get("state", ""), application.get("errorMessage", "")
        links, info = _links(status, state, settings)
        match state:
            case "" if not status:
                return statuses.untouched(found, now, settings, operator=self.operator)
            case "":
                return Verdict(AttemptPhase.QUEUED, "job queued")
            case "SUBMITTED":
                return Verdict(AttemptPhase.INITIALIZING, "job submitted", logs=links, custom_info=info)
            case "SUBMISSION_FAILED":
                words = "the Spark job can't be submitted, the operator tries again"
                return Verdict(AttemptPhase.INITIALIZING, statuses.said(words, message))
            case "FAILED":
                failure = statuses.user_failure(
                    "DownstreamSystemError", statuses.said("the Spark job failed", message)
                )
                return Verdict(failure.phase, error=failure.error, logs=links, custom_info=info)
            case "COMPLETED":
                return Verdict(AttemptPhase.SUCCEEDED, logs=links, custom_info=info)
            case _:
                return Verdict(AttemptPhase.RUNNING, logs=links, custom_info=info)

    def deletion(self, found: Mapping[str, Any], settings: KubernetesSettings) -> dict[str, Any]:
        """The driver is the application's, the executors are the driver's."""
        return dict(statuses.WITH_ALL)

    def printer(self, found: Mapping[str, Any]) -> Printer | None:
        """The driver, once there is one."""
        pod = (statuses.of(found).get("driverInfo") or {}).get("podName")
        return Printer("", str(pod), "spark-kubernetes-driver") if pod else None


def _conf(request: TaskRequest, job: spark_pb2.SparkJob, settings: KubernetesSettings) -> dict[str, str]:
    """Spark's configuration: the platform's, the task's, and what follows from both."""
    conf = dict(settings.plugins.spark.conf)
    if job.executorPath:
        conf["spark.pyspark.python"] = conf["spark.pyspark.driver.python"] = job.executorPath
    for name, value in job.sparkConf.items():
        feature = _FEATURE.fullmatch(name)
        known = settings.plugins.spark.features.get(feature[1]) if feature else None
        if known is not None and value.strip().lower() == "true":
            conf |= known
        else:
            conf[name] = value
    for role in ("driver", "executor"):
        cores = conf.get(f"spark.kubernetes.{role}.request.cores") or conf.get(f"spark.{role}.cores")
        if cores:
            conf.setdefault(f"spark.kubernetes.{role}.limit.cores", cores)
    conf["spark.kubernetes.executor.podNamePrefix"] = request.unique_name
    return conf


def _overlay(role: Role, pod: tasks_pb2.K8sPod, request: TaskRequest, settings: KubernetesSettings) -> None:
    """Lay the task's own pod for a role over it. The container of a task that has one is what this pod calls
    its primary one."""
    name = pod.primary_container_name
    if name and request.template.HasField("container"):
        role.rename(name)
    role.overlay(pod, settings)
    role.primary = name or role.primary


def _spark_pod(
    role: Role, request: TaskRequest, settings: KubernetesSettings, conf: Mapping[str, str], prefix: str
) -> dict[str, Any]:
    """A role as the operator's `SparkPodSpec`, which has a part of a pod's fields in names of its own."""
    container, spec = role.container, role.spec
    identity = request.identity.k8s_service_account if request.identity is not None else ""
    attempts = request.template.metadata.retries.retries + 1
    pod = {
        "image": container["image"],
        "env": [*(container.get("env") or ()), {"name": "FLYTE_MAX_ATTEMPTS", "value": str(attempts)}],
        "envFrom": container.get("envFrom"),
        "securityContext": container.get("securityContext"),
        "podSecurityContext": spec.get("securityContext"),
        "affinity": spec.get("affinity"),
        "dnsConfig": spec.get("dnsConfig"),
        "tolerations": spec.get("tolerations"),
        "schedulerName": spec.get("schedulerName"),
        "nodeSelector": spec.get("nodeSelector"),
        "hostNetwork": spec.get("hostNetwork"),
        "priorityClassName": spec.get("priorityClassName"),
        "serviceAccount": identity or settings.plugins.spark.service_account,
        "memory": conf.get(f"{prefix}.memory"),
        "cores": _number(conf.get(f"{prefix}.cores")),
        **role.metadata(),
    }
    if prefix == "spark.executor":
        pod["instances"] = _number(conf.get("spark.executor.instances"))
    return roles.without_empty(pod)


def _number(text: str | None) -> int | None:
    """A whole number; None for what is none: Spark itself reads the rest from its configuration."""
    try:
        return int(text or "") or None
    except ValueError:
        return None


def _links(
    status: Mapping[str, Any], state: str, settings: KubernetesSettings
) -> tuple[tuple[LogLink, ...], dict[str, Any] | None]:
    """Spark's own pages: the driver's as long as it runs, the history server's afterwards."""
    server, application = settings.plugins.spark.history_server, status.get("sparkApplicationId")
    if state in _OVER:
        if not (server and application):
            return (), None
        address = f"{server}/history/{application}"
        return (LogLink("Spark History UI", address),), {"sparkHistoryUI": address}
    address = (status.get("driverInfo") or {}).get("webUIIngressAddress", "")
    if state != "RUNNING" or not address:
        return (), None
    if not address.startswith(("http://", "https://")):
        address = f"https://{address}"
    return (LogLink("Spark Driver UI", address),), {"sparkDriverUI": address}
