"""The example by the tutorial's own commands: built in the sandbox, packaged, registered, launched."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.appliance.building import installer
from sandbox.testing import commands
from tests.boxes import Box, execute

pytestmark = pytest.mark.timeout(3000)

IMAGE = "diabetes_xgboost_model:v1"
ACCURACY = "0.7598425196850394"
TASKS = ("split_traintest_dataset", "fit", "predict", "score")
PLACE = ("--project", "flyteexamples", "--domain", "development")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, example: Path) -> Path:
    """The user's own, on this machine: with the project's requirements."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    for words in (
        ("venv", "--quiet", str(folder)),
        ("pip", "install", "--quiet", "--python", str(folder), "-r", str(example / "requirements.txt")),
    ):
        done = installer.run(words)
        assert done.code == 0, done.stderr
    return folder


def _in_project(environment: Path, box: Box, *words: str) -> str:
    """A program of that environment, in the project, pointed to the sandbox."""
    environ = {**commands.environ(None), **box.flyte.variables}
    environ.pop("PYTHONPATH", None)
    return execute([str(environment / "bin" / words[0]), *words[1:]], environ, True, box.source).stdout


def test_the_tutorial_gives_the_known_accuracy_and_a_second_launch_hits_the_cache(
    box: Box, environment: Path
) -> None:
    box.run("exec", "--", "docker", "build", ".", "--tag", IMAGE)
    _in_project(
        environment, box, "pyflyte", "--pkgs", "flyte.workflows", "package", "--image", IMAGE, "--force"
    )
    archive = str(box.source / "flyte-package.tgz")
    table = box.run("register", "files", *PLACE, "--archive", archive, "--version", "v1").stdout
    assert table.count("| Success |") == 6
    launch = ("python", "launch.py", "--version", "v1")
    first = _in_project(environment, box, *launch)
    assert all(task in first for task in TASKS)
    assert first.count("CACHE_POPULATED") == 4
    assert f"Accuracy  {ACCURACY}" in first
    second = _in_project(environment, box, *launch)
    assert second.count("CACHE_HIT") == 4
    assert f"Accuracy  {ACCURACY}" in second


def test_build_makes_an_image_that_pods_can_use_at_once(box: Box) -> None:
    said = box.run("build", str(box.source), "--tag", "diabetes_xgboost_model:v2").stdout
    assert "Built diabetes_xgboost_model:v2" in said
    assert "diabetes_xgboost_model:v2" in {image["tag"] for image in box.status()["images"]}


def test_a_dockerfile_that_fails_is_told_with_its_own_words(box: Box, tmp_path: object) -> None:
    folder = box.source.parent / "broken"
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text("FROM python:3.11-slim\nRUN echo it broke here && exit 3\n")
    done = box.run("build", str(folder), "--tag", "broken:v1", check=False)
    assert done.returncode == 1
    assert "it broke here" in done.stderr
