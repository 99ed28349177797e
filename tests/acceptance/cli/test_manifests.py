"""`sandbox manifests render`, as a person calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox.cli", "manifests", "render", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_profile_is_printed_as_yaml_that_kubectl_would_take() -> None:
    done = run("--profile", "demo", "--set", "namespace=elsewhere")
    assert done.returncode == 0, done.stderr
    documents = [document for document in yaml.safe_load_all(done.stdout) if document]
    assert {"Deployment", "StatefulSet", "Service"} <= {document["kind"] for document in documents}
    assert {document["metadata"].get("namespace", "elsewhere") for document in documents} == {"elsewhere"}


def test_each_component_gets_a_file_of_its_own(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("flytepropeller: {replicas: 3}")
    done = run("--values", str(values), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    files = {path.name.partition("-")[2]: path for path in (tmp_path / "out").iterdir()}
    documents = list(yaml.safe_load_all(files["flytepropeller.yaml"].read_text()))
    assert any(each and (each.get("spec") or {}).get("replicas") == 3 for each in documents)


def test_the_values_that_are_shown_can_be_given_back(tmp_path: Path) -> None:
    shown = run("--show-values", "--distribution", "debian")
    assert shown.returncode == 0, shown.stderr
    path = tmp_path / "values.yaml"
    path.write_text(shown.stdout)
    assert run("--values", str(path)).stdout == run("--distribution", "debian").stdout


def test_a_mistyped_setting_is_told_with_what_was_meant() -> None:
    done = run("--set", "flytepropeler.replicas=3")
    assert done.returncode == 1
    assert "'flytepropeller'" in done.stderr
