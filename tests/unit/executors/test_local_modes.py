"""Plugins' tasks on one machine: what they get, and which are refused."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import tasks_pb2
from google.protobuf import json_format

from sandbox.executors.containers import UnrunnableTaskError
from sandbox.executors.process import local_modes
from sandbox.executors.process.environments import Environment

ENVIRONMENT = Environment("spark:v1", Path("/envs/spark/bin/python"))


def mode(type: str, custom: dict[str, Any] | None = None, **environ: str) -> local_modes.LocalMode:
    template = tasks_pb2.TaskTemplate(type=type)
    json_format.ParseDict(custom or {}, template.custom)
    return local_modes.of(template, ENVIRONMENT, environ, directory=Path("/tasks/attempts/" + "x" * 200))


@pytest.fixture
def java(tmp_path: Path) -> str:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program.parent)


def test_other_tasks_need_nothing() -> None:
    assert mode("python-task") == local_modes.LocalMode()
    assert mode("dask", {"workers": {"numberOfWorkers": 3}}) == local_modes.LocalMode()


def test_spark_runs_on_all_processors_with_the_tasks_configuration(java: str) -> None:
    custom = {
        "applicationType": "PYTHON",
        "sparkConf": {
            "spark.driver.memory": "1 g",
            "spark.master": "k8s://somewhere",
            "spark.kubernetes.namespace": "jobs",
        },
        "hadoopConf": {"fs.s3a.path.style.access": "true"},
    }
    env = mode("spark", custom, PATH=java).env
    words = shlex.split(env["PYSPARK_SUBMIT_ARGS"])
    assert words[:2] == ["--master", "local[*]"]
    assert words[-1] == "pyspark-shell"
    settings = {word for word in words if "=" in word}
    assert {"spark.driver.memory=1 g", "spark.hadoop.fs.s3a.path.style.access=true"} < settings
    assert not [word for word in settings if word.startswith(("spark.master", "spark.kubernetes"))]
    assert env["PYSPARK_PYTHON"] == "/envs/spark/bin/python"


def test_spark_without_java_says_what_is_missing(java: str, tmp_path: Path) -> None:
    custom = {"applicationType": "PYTHON"}
    with pytest.raises(UnrunnableTaskError, match="Java"):
        mode("spark", custom, PATH="/nowhere")
    with pytest.raises(UnrunnableTaskError, match="JAVA_HOME"):
        mode("spark", custom, PATH=java, JAVA_HOME="/nowhere")
    assert mode("spark", custom, PATH="/nowhere", JAVA_HOME=str(tmp_path)).env


def test_spark_in_another_language_needs_a_cluster(java: str) -> None:
    with pytest.raises(UnrunnableTaskError, match=r"SCALA.*--profile demo"):
        mode("spark", {"applicationType": "SCALA"}, PATH=java)


def test_the_sockets_of_ray_have_short_paths() -> None:
    session = "/ray/session_2026-11-22_07-53-13_937031_1234567/sockets/plasma_store"
    folder = mode("ray").env["RAY_TMPDIR"]
    assert len(folder.removeprefix(str(Path(folder).parent))) + len("/tmp") + len(session) <= 107


def test_pytorch_trains_with_one_process_and_says_if_more_were_wanted() -> None:
    alone = mode("pytorch", {"workerReplicas": {"replicas": 0}})
    assert (alone.env["WORLD_SIZE"], alone.env["RANK"], alone.warning) == ("1", "0", "")
    assert "WORLD_SIZE=1" in mode("pytorch", {"workerReplicas": {"replicas": 1}}).warning
    assert mode("pytorch", {"elasticConfig": {"minReplicas": 1, "maxReplicas": 3}}).env == {}


@pytest.mark.parametrize(
    ("type", "custom"),
    [
        ("pytorch", {"workerReplicas": {"replicas": 2}}),
        ("pytorch", {"elasticConfig": {"minReplicas": 2, "maxReplicas": 2}}),
        ("tensorflow", {"workerReplicas": {"replicas": 1}}),
        ("mpi", {}),
    ],
)
def test_what_takes_several_machines_is_refused(type: str, custom: dict[str, Any]) -> None:
    with pytest.raises(UnrunnableTaskError, match="--profile demo"):
        mode(type, custom)


def test_a_configuration_that_is_none_is_refused() -> None:
    with pytest.raises(UnrunnableTaskError, match="can't be read"):
        mode("pytorch", {"workerReplicas": 3})
