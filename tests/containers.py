"""A small Docker image for tests, made of this machine's static busybox: no registry is needed."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import docker
import docker.errors
import pytest

IMAGE = "flyte-sandbox-test/busybox:1"
_PROGRAMS = ("sh", "cat", "cp", "echo", "id", "kill", "ln", "ls", "mkdir", "sleep", "tail", "test", "touch")


def image() -> str:
    """The image's tag, made if need be. Skips the test where there is no Docker or no static busybox."""
    try:
        client = docker.APIClient(version="auto", timeout=20)
    except docker.errors.DockerException as error:
        pytest.skip(f"Docker can't be reached: {error}")
    try:
        if not client.images(name=IMAGE):
            client.import_image_from_data(
                _root(_busybox()), repository=IMAGE.partition(":")[0], tag="1", changes=["ENV PATH=/bin"]
            )
    finally:
        client.close()
    return IMAGE


def _busybox() -> Path:
    found = shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip("there is no busybox to make an image of: apt install busybox-static")
    described = subprocess.run([found, "true"], env={}, capture_output=True, check=False)
    if described.returncode != 0 or b"ld-linux" in Path(found).read_bytes()[:8192]:
        pytest.skip(f"{found} is not static: apt install busybox-static")
    return Path(found)


def _root(busybox: Path) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for program in _PROGRAMS:
            link = tarfile.TarInfo(f"bin/{program}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for folder in ("tmp", "var"):
            directory = tarfile.TarInfo(folder)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(directory)
    return archive.getvalue()
