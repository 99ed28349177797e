"""The example by both roads, and the same project as it was in 2022; each builds its own environment."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from flyteidl.core import execution_pb2 as core_execution

from sandbox.appliance.building import interpreters
from tests.sandboxes import Client, ExecutionProto, Sandbox

ACCURACY = "0.7598425196850394"
PLACE = ("--project", "flyteexamples", "--domain", "development")
TASKS = ("split_traintest_dataset", "fit", "predict", "score")


@pytest.fixture(scope="module")
def packaged(sandbox: Sandbox, example: Path) -> Path:
    """The example as a package, its environment built."""
    name = ("--name", sandbox.name)
    sandbox.run("start", "--profile", "embedded", *name, "--source", str(example))
    sandbox.run("build", str(example), "--tag", "diabetes:v1", *name)
    package = ("pyflyte", "--pkgs", "flyte.workflows", "package", "--image", "diabetes:v1", "--force")
    sandbox.run("exec", *name, "--", *package, cwd=example)
    return example / "flyte-package.tgz"


@pytest.mark.timeout(900)
def test_a_package_is_registered_launched_and_answered_from_the_cache(
    sandbox: Sandbox, example: Path, packaged: Path
) -> None:
    register = (
        "register",
        "files",
        *PLACE,
        "--name",
        sandbox.name,
        "--archive",
        str(packaged),
        "--version",
        "v1",
    )
    table = sandbox.run(*register).stdout
    assert table.count("| Success |") == 6
    assert "6 rows" in table
    launch = ("exec", "--name", sandbox.name, "--", "python", "launch.py", "--version", "v1")
    first = sandbox.run(*launch, cwd=example).stdout
    assert all(task in first for task in TASKS)
    assert first.count("CACHE_POPULATED") == 4
    assert f"Accuracy  {ACCURACY}" in first
    assert "Accuracy: 75.98%" in first

    again = sandbox.run(*register).stdout
    assert again.count("AlreadyExists") == 6
    second = sandbox.run(*launch, cwd=example).stdout
    assert second.count("CACHE_HIT") == 4
    assert f"Accuracy  {ACCURACY}" in second
    assert "Accuracy: 75.98%" in second
    took = re.search(r"Execution ([\d.]+) s", second)
    assert took is not None
    assert float(took[1]) < 2

    execution = re.search(r"Launched (\w+)", first)
    assert execution is not None
    log = sandbox.run("logs", "--name", sandbox.name, execution[1], "n3").stdout
    assert "Accuracy: 75.98%" in log


@pytest.mark.timeout(900)
def test_pyflyte_run_needs_nothing_but_the_config(sandbox: Sandbox, example: Path, packaged: Path) -> None:
    run = ("pyflyte", "run", "--remote", "--wait", "-p", "flyteexamples", "flyte/workflows/example.py")
    done = sandbox.run("exec", "--name", sandbox.name, "--", *run, "diabetes_xgboost_model", cwd=example)
    assert "/console/projects/flyteexamples/domains/development/executions/" in done.stdout


@pytest.mark.timeout(900)
def test_the_project_as_it_was_in_2022_runs_unchanged(
    sandbox: Sandbox, example: Path, tmp_path: Path
) -> None:
    """Its own pins, nothing newer among them; and `dataset: str` handed to a task that wants a file."""
    if interpreters.find("3.8") is None:
        pytest.skip("there is no Python 3.8 on this machine")
    old = tmp_path / "old"
    shutil.copytree(example, old, ignore=shutil.ignore_patterns("*.tgz", "__pycache__", "requirements*"))
    pins = (example / "requirements-2022.txt").read_text().split("# Releases since then")[0]
    (old / "requirements.txt").write_text(pins)
    (old / "Dockerfile").write_text("FROM python:3.8-slim-buster\nCOPY . /root\n")
    module = old / "flyte" / "workflows" / "example.py"
    source = module.read_text()
    module.write_text(source.replace('dataset: FlyteFile["csv"] = DATASET', "dataset: str = DATASET"))
    assert module.read_text() != source

    name = ("--name", sandbox.name)
    built = sandbox.run("build", str(old), "--tag", "old:v1", *name).stdout
    assert "Python 3.8" in built
    package = ("pyflyte", "--pkgs", "flyte.workflows", "package", "--image", "old:v1", "--force")
    sandbox.run("exec", "--tag", "old:v1", *name, "--", *package, cwd=old)
    archive = str(old / "flyte-package.tgz")
    sandbox.run("register", "files", *PLACE, *name, "--archive", archive, "--version", "old1")
    launch = ("python", "launch.py", "--version", "old1")
    done = sandbox.run("exec", *name, "--tag", "old:v1", "--", *launch, cwd=old)
    assert f"Accuracy  {ACCURACY}" in done.stdout
    assert "Accuracy: 75.98%" in done.stdout

    run = ("pyflyte", "run", "--remote", "--image", "old:v1", "-p", "flyteexamples")
    file = ("flyte/workflows/example.py", "diabetes_xgboost_model")
    for _ in range(2):  # nothing in it differs from run to run
        ran = sandbox.run("exec", "--tag", "old:v1", *name, "--", *run, *file, cwd=old).stdout
        found = re.search(r"/console/projects/flyteexamples/domains/development/executions/(\w+)", ran)
        assert found is not None
        client = Client(sandbox.status()["endpoints"]["grpc"])
        try:
            ended = client.wait(
                ExecutionProto(project="flyteexamples", domain="development", name=found[1]), timeout=120
            )
        finally:
            client.close()
        assert ended.closure.phase == core_execution.WorkflowExecution.SUCCEEDED
