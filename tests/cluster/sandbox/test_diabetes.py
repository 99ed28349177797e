"""The example by the tutorial's own commands: built in the sandbox, packaged, registered, launched."""

from __future__ import annotations

import pytest

from tests.cluster.sandbox.conftest import Box

pytestmark = pytest.mark.timeout(3000)

IMAGE = "diabetes_xgboost_model:v1"
ACCURACY = "0.7598425196850394"
TASKS = ("split_traintest_dataset", "fit", "predict", "score")
PLACE = ("--project", "flyteexamples", "--domain", "development")


def test_the_tutorial_gives_the_known_accuracy_and_a_second_launch_hits_the_cache(
    box: Box,
) -> None:
    box.run("exec", "--", "docker", "build", ".", "--tag", IMAGE)
    # In the image itself: it has the project's own requirements, which this environment has not.
    package = ("pyflyte", "--pkgs", "flyte.workflows", "package", "--image", IMAGE, "--force")
    inside = ("docker", "run", "--rm", "--volume", "/source:/source", "--workdir", "/source", IMAGE)
    box.run("exec", "--", *inside, *package, "--output", "flyte-package.tgz")
    archive = str(box.source / "flyte-package.tgz")
    table = box.run("register", "files", *PLACE, "--archive", archive, "--version", "v1").stdout
    assert table.count("| Success |") == 6
    launch = ("python", "launch.py", "--version", "v1")
    first = box.client(*launch)
    assert all(task in first for task in TASKS)
    assert first.count("CACHE_POPULATED") == 4
    assert f"Accuracy  {ACCURACY}" in first
    second = box.client(*launch)
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
