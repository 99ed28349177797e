"""What the copilot asks of an object store, and names that may become files."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sandbox.copilot import errors
from sandbox.store.object_info import ObjectInfo

_WEB = ("http://", "https://")
_TIMEOUT = 60.0


class Objects(Protocol):
    """`sandbox.store.objects.ObjectStore` is one."""

    def get(self, uri: str) -> bytes: ...
    def put(self, uri: str, data: bytes) -> None: ...
    def download(self, uri: str, path: Path) -> None: ...
    def upload(self, path: Path, uri: str) -> None: ...
    def list(self, prefix_uri: str) -> Iterator[ObjectInfo]: ...


def inside(folder: Path, name: str) -> Path:
    """The file of a name in a folder: never outside of it. Raises Untransferable."""
    path = folder / name
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts or "\0" in name:
        raise errors.Untransferable(f"{name!r} can't be the name of a file")
    return path


def fetch(objects: Objects, uri: str, path: Path) -> None:
    """Bring one file, from the store or the web. Raises CopilotError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if uri.startswith(_WEB):
        _fetch_from_web(uri, path)
        return
    with errors.of_store():
        objects.download(uri, path)


def fetch_folder(objects: Objects, uri: str, folder: Path) -> None:
    """Bring everything below a URI, in the same folders. Raises CopilotError."""
    folder.mkdir(parents=True, exist_ok=True)
    prefix = uri.rstrip("/") + "/"
    with errors.of_store():
        names = [found.uri.removeprefix(prefix) for found in objects.list(prefix)]
    if not names:
        raise errors.Untransferable(f"there is nothing below {prefix}")
    for name in names:
        if not name.endswith("/"):
            fetch(objects, prefix + name, inside(folder, name))


def store(objects: Objects, path: Path, uri: str) -> None:
    """Take one file. Raises CopilotError."""
    with errors.of_store():
        objects.upload(path, uri)


def store_folder(objects: Objects, folder: Path, uri: str) -> None:
    """Take everything in a folder. Raises CopilotError."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store(objects, path, f"{uri}/{path.relative_to(folder).as_posix()}")


def _fetch_from_web(uri: str, path: Path) -> None:
    try:
        with urllib.request.urlopen(uri, timeout=_TIMEOUT) as answer, path.open("wb") as file:
            while chunk := answer.read(1 << 20):
                file.write(chunk)
    except urllib.error.HTTPError as exc:
        raise errors.Untransferable(f"{uri} can't be fetched: {exc}") from exc
    except OSError as exc:
        raise errors.StoreUnavailable(f"{uri} can't be reached: {exc}") from exc
