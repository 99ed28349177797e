"""The images that a fresh node has: the one that holds a pod's namespaces, and the base of Python images.

They are imported from archives when the volume doesn't have them yet. A CA bundle that the node was given
goes into the Python base, so that builds on it, and pods of those images, reach what the host reaches.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import IO

ARCHIVES = Path("/usr/local/lib/flyte-sandbox")
PAUSE = "flyte-sandbox/pause:node"
PYTHON = "python:3.11-slim"
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_CHUNK = 1 << 20
_SETTINGS = (
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    'CMD ["python3"]',
)
_TRUST = ("CURL_CA_BUNDLE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""What programs look at that bring certificates of their own."""


def load(bundle: Path | None) -> None:
    """Have Docker know both. Raises OSError or tarfile's and subprocess's errors."""
    if not _is_known(PAUSE):
        with (ARCHIVES / "pause.tar").open("rb") as archive:
            _import(archive, PAUSE, 'ENTRYPOINT ["/pause"]')
    if not _is_known(PYTHON):
        archive_path = ARCHIVES / "python.tar.gz"
        if bundle is None:
            with archive_path.open("rb") as archive:
                _import(archive, PYTHON, *_SETTINGS)
        else:
            _import_with_bundle(archive_path, bundle.read_bytes())


def copy_with_bundle(archive: Path, bundle: bytes, target: IO[bytes]) -> None:
    """Write the archive, unpacked from gzip, with this CA bundle in place of its own."""
    with (
        tarfile.open(archive, "r|gz") as source,
        tarfile.open(fileobj=target, mode="w|", bufsize=_CHUNK) as copy,
    ):
        for member in source:
            content = source.extractfile(member) if member.isreg() else None
            if member.name.removeprefix("./") == _BUNDLE:
                member.size, content = len(bundle), io.BytesIO(bundle)
            copy.addfile(member, content)


def _import_with_bundle(archive: Path, bundle: bytes) -> None:
    trust = [f"ENV {name}=/{_BUNDLE}" for name in _TRUST]
    command = _command(PYTHON, *_SETTINGS, *trust)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        if process.stdin is None:
            raise OSError("docker import takes no input")
        copy_with_bundle(archive, bundle, process.stdin)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, process.args)


def _import(archive: IO[bytes], tag: str, *changes: str) -> None:
    subprocess.run(_command(tag, *changes), check=True, stdin=archive, stdout=subprocess.DEVNULL)


def _command(tag: str, *changes: str) -> list[str]:
    words = [word for change in changes for word in ("--change", change)]
    return ["docker", "import", *words, "-", tag]


def _is_known(tag: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", tag], capture_output=True).returncode == 0


if __name__ == "__main__":
    from node.settings import Settings

    load(Settings.read().ca_bundle)
