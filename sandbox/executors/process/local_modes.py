"""Tasks of plugins that want a cluster, on one machine: what they need to run there, or why they can't.

Spark, Ray and Dask bring a cluster of their own when they are not told of another one; PyTorch trains with
one process, or with several that `torchrun` starts on this machine. What takes several machines, or an
operator of Kubernetes that connects its parts, is refused with the names of the profiles that have it.
"""

from __future__ import annotations

import shlex
import shutil
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from flyteidl.core import tasks_pb2
from flyteidl.plugins import spark_pb2
from flyteidl.plugins.kubeflow import pytorch_pb2
from google.protobuf import json_format, message

from sandbox.executors.containers import UnrunnableTaskError
from sandbox.executors.process.environments import Environment
from sandbox.executors.process.runner import records

_CLUSTERS = "(`sandbox start --profile demo`, `sandbox` or `cluster`)"
_Message = TypeVar("_Message", bound=message.Message)
_SPARK_DEFAULTS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
}
_SPARK_OURS = ("spark.master", "spark.submit.deployMode")
_SPARK_KUBERNETES = "spark.kubernetes."


@dataclass(frozen=True, slots=True)
class LocalMode:
    """What a plugin's task needs beside its command."""

    env: Mapping[str, str] = field(default_factory=dict)
    """What the task itself sets goes before."""
    warning: str = ""
    """Where it is not quite what was asked for."""


def of(
    template: tasks_pb2.TaskTemplate,
    environment: Environment,
    environ: Mapping[str, str],
    *,
    directory: Path,
) -> LocalMode:
    """How a task runs here; raises `UnrunnableTaskError`. `environ` is the environment that it will have."""
    mode = _MODES.get(template.type)
    return LocalMode() if mode is None else mode(template, environment, environ, directory)


def _spark(
    template: tasks_pb2.TaskTemplate, environment: Environment, environ: Mapping[str, str], directory: Path
) -> LocalMode:
    job = _custom(template, spark_pb2.SparkJob())
    if job.applicationType != spark_pb2.SparkApplication.PYTHON:
        kind = spark_pb2.SparkApplication.Type.Name(job.applicationType)
        raise UnrunnableTaskError(
            f"A Spark application of the type {kind} needs a cluster: start a sandbox that has one "
            f"{_CLUSTERS}."
        )
    java_home = environ.get("JAVA_HOME", "")
    path = f"{java_home}/bin" if java_home else environ.get("PATH", "")
    if shutil.which("java", path=path) is None:
        where = f"JAVA_HOME ({java_home})" if java_home else "the PATH"
        raise UnrunnableTaskError(
            f"Spark needs a Java runtime, and there is no `java` in {where} of the sandbox. Install one (on "
            "Debian and Ubuntu `apt install default-jre-headless`) and start the sandbox again, or use a "
            f"profile whose images have it {_CLUSTERS}."
        )
    configuration = {
        **_SPARK_DEFAULTS,
        **{f"spark.hadoop.{name}": value for name, value in job.hadoopConf.items()},
        **dict(job.sparkConf),
    }
    words = ["--master", "local[*]"]
    for name, value in sorted(configuration.items()):
        if name not in _SPARK_OURS and not name.startswith(_SPARK_KUBERNETES):
            words += ["--conf", f"{name}={value}"]
    python = str(environment.python)
    return LocalMode(
        {
            "PYSPARK_SUBMIT_ARGS": shlex.join([*words, "pyspark-shell"]),
            "PYSPARK_PYTHON": python,
            "PYSPARK_DRIVER_PYTHON": python,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
    )


def _ray(
    template: tasks_pb2.TaskTemplate, environment: Environment, environ: Mapping[str, str], directory: Path
) -> LocalMode:
    # Ray's sockets lie 65 characters below this folder, and a socket's path may have 107.
    return LocalMode({"RAY_TMPDIR": records.short_directory(str(directory)), "RAY_USAGE_STATS_ENABLED": "0"})


def _pytorch(
    template: tasks_pb2.TaskTemplate, environment: Environment, environ: Mapping[str, str], directory: Path
) -> LocalMode:
    job = _custom(template, pytorch_pb2.DistributedPyTorchTrainingTask())
    if job.HasField("elastic_config"):
        if job.elastic_config.min_replicas > 1:
            raise UnrunnableTaskError(
                f"The task wants at least {job.elastic_config.min_replicas} machines for elastic training; "
                f"here is one. Set nnodes=1, or start a sandbox that has more {_CLUSTERS}."
            )
        return LocalMode()
    workers = job.worker_replicas.replicas
    if workers > 1:
        raise UnrunnableTaskError(
            f"The task wants {workers} PyTorch workers beside the master, each in a pod of its own. Use "
            "Elastic(nnodes=1, nproc_per_node=…) for several processes on this machine, or start a sandbox "
            f"with the training operator {_CLUSTERS}."
        )
    told = "PyTorch runs with one process here (WORLD_SIZE=1): there are no pods for workers"
    port = str(_free_port())
    env = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}
    return LocalMode(env, told if workers else "")


def _needs_operator(plugin: str) -> Callable[..., LocalMode]:
    def refuse(template: tasks_pb2.TaskTemplate, *_: Any) -> LocalMode:
        raise UnrunnableTaskError(
            f"A task of the type {template.type!r} ({plugin}) is run by an operator in Kubernetes, which the "
            f"embedded profile does not have: start a sandbox that runs pods {_CLUSTERS}."
        )

    return refuse


_MODES: Mapping[str, Callable[..., LocalMode]] = {
    "spark": _spark,
    "ray": _ray,
    "pytorch": _pytorch,
    "tensorflow": _needs_operator("TFJob"),
    "mpi": _needs_operator("MPIJob"),
}


def _custom(template: tasks_pb2.TaskTemplate, into: _Message) -> _Message:
    document = json_format.MessageToDict(template.custom)
    try:
        return json_format.ParseDict(document, into, ignore_unknown_fields=True)
    except json_format.ParseError as exc:
        raise UnrunnableTaskError(
            f"The plugin's configuration of the task can't be read: {exc}. Register it again."
        ) from exc


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
