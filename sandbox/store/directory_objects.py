"""Objects in the directory that nanio serves, byte for byte as nanio keeps them.

    <root>/<bucket>/<key>                     the object
    <root>/<bucket>/.nanio-meta/<key>.json    its sidecar: ETag, size, times, content type, user metadata

An object is written to a temporary file beside its place and renamed. The old sidecar goes before the rename
and the new one comes after it, so that a sidecar never describes another object; where it is missing, or its
size is not the file's (a task wrote the file itself), the file speaks for itself, here and in nanio. Nothing
is synced to the disk: what the kernel was given survives any killed process, and a sandbox does not promise
more than that.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.store import addresses, errors, object_info
from sandbox.store.addresses import Address
from sandbox.store.object_info import ObjectInfo

_SIDECARS = ".nanio-meta"
_CONTENT_TYPE = "application/octet-stream"
_READ_CHUNK = 1 << 20
_LOCKS = 16
"""Two threads that write one object take turns, so that the sidecar is that of the object which stays."""
_TEMPORARY = ".tmp."
"""How nanio's own temporary files begin; they are in the listed folders."""


class DirectoryObjectStore:
    """An `ObjectStore` over nanio's data directory. Buckets are made on first use."""

    def __init__(self, root: Path, *, sidecars: bool = True) -> None:
        """Without `sidecars` a put costs half; nanio then serves these objects with an empty ETag."""
        self._root = str(root)
        self._sidecars = sidecars
        self._serial = itertools.count()
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._prefix = f"{os.getpid()}-{id(self):x}"

    def get(self, uri: str) -> bytes:
        path = self._path(addresses.parse(uri))
        try:
            return _read(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise errors.ObjectNotFound(f"There is no object {uri}.") from error
        except OSError as error:
            raise _unavailable("read", uri, error) from error

    def put(self, uri: str, data: bytes) -> None:
        address = addresses.parse(uri)
        path, sidecar = self._path(address), self._sidecar(address)
        try:
            temporary = self._write_beside(path, data)
            with self._locks[hash(path) % _LOCKS]:
                _remove(sidecar)
                _replace(temporary, path)
                if self._sidecars:
                    self._describe(sidecar, data)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise _conflict(uri) from error
        except OSError as error:
            raise _unavailable("written", uri, error) from error

    def download(self, uri: str, path: Path) -> None:
        source = self._path(addresses.parse(uri))
        if not _is_file(source):
            raise errors.ObjectNotFound(f"There is no object {uri}.")
        try:
            shutil.copyfile(source, path)
        except OSError as error:
            raise _unavailable("read", uri, error) from error

    def upload(self, path: Path, uri: str) -> None:
        """Copied beside the object first; a sidecar would need a digest, so there is none."""
        address = addresses.parse(uri)
        target = self._path(address)
        try:
            temporary = self._write_beside(target, b"")
            shutil.copyfile(path, temporary)
            with self._locks[hash(target) % _LOCKS]:
                _remove(self._sidecar(address))
                _replace(temporary, target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise _conflict(uri) from error
        except OSError as error:
            raise _unavailable("written", uri, error) from error

    def exists(self, uri: str) -> bool:
        return _is_file(self._path(addresses.parse(uri)))

    def head(self, uri: str) -> ObjectInfo | None:
        address = addresses.parse(uri)
        try:
            return self._info(address)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unavailable("read", uri, error) from error

    def list(self, prefix_uri: str) -> Iterator[ObjectInfo]:
        address = addresses.parse_prefix(prefix_uri)
        folder, _, start = address.key.rpartition("/")
        for key in self._keys(address.bucket, folder, start):
            try:
                info = self._info(Address(address.bucket, key))
            except FileNotFoundError:
                continue  # Deleted since the folder was read.
            if info is not None:
                yield info

    def delete(self, uri: str) -> None:
        address = addresses.parse(uri)
        path = self._path(address)
        if not _is_file(path):
            return
        try:
            _remove(self._sidecar(address))
            _remove(path)
        except OSError as error:
            raise _unavailable("deleted", uri, error) from error
        self._prune(os.path.dirname(path), address.bucket)

    def path(self, uri: str) -> Path:
        """Where the object's file is, or would be."""
        return Path(self._path(addresses.parse(uri)))

    def _path(self, address: Address) -> str:
        return f"{self._root}/{address.bucket}/{address.key}"

    def _sidecar(self, address: Address) -> str:
        return f"{self._root}/{address.bucket}/{_SIDECARS}/{address.key}.json"

    def _write_beside(self, path: str, data: bytes) -> str:
        """Write a temporary file in the folder of `path`, which is made if need be."""
        folder = os.path.dirname(path)
        temporary = (
            f"{folder}/{addresses.RESERVED}-tmp-{self._prefix}-{threading.get_ident()}-{next(self._serial)}"
        )
        try:
            _write(temporary, data)
        except FileNotFoundError:
            _make_folder(folder)
            _write(temporary, data)
        return temporary

    def _describe(self, sidecar: str, data: bytes) -> None:
        """Write the sidecar, in nanio's words."""
        document = {
            "etag": f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"',
            "size": len(data),
            "last_modified": datetime.now(UTC).isoformat(),
            "content_type": _CONTENT_TYPE,
            "user_metadata": {},
            "storage_class": "STANDARD",
            "content_encoding": None,
            "content_disposition": None,
            "cache_control": None,
        }
        try:
            temporary = self._write_beside(sidecar, json.dumps(document, separators=(",", ":")).encode())
            _replace(temporary, sidecar)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            # The keys `a` and `a.json/b` want the same name for a sidecar and for a folder: this one does
            # without, as if it had been put there by hand.
            return

    def _info(self, address: Address) -> ObjectInfo | None:
        path = self._path(address)
        status = os.lstat(path)
        if not _regular(status):
            return None
        document = _read_sidecar(self._sidecar(address))
        if document is None or document.get("size") != status.st_size:
            md5: str | None = _md5_of_file(path)
            metadata: dict[str, str] = {}
        else:
            md5 = object_info.md5_of_etag(document.get("etag"))
            metadata = object_info.user_metadata(document.get("user_metadata") or {})
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        return ObjectInfo(str(address), status.st_size, md5, modified, metadata)

    def _keys(self, bucket: str, folder: str, start: str) -> Iterator[str]:
        """The keys in a folder, and in those below it, whose names in this folder begin with `start`."""
        at = f"{self._root}/{bucket}/{folder}" if folder else f"{self._root}/{bucket}"
        try:
            entries = sorted(os.scandir(at), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            if not entry.name.startswith(start) or entry.name.startswith((addresses.RESERVED, _TEMPORARY)):
                continue
            key = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from self._keys(bucket, key, "")
            elif entry.is_file(follow_symlinks=False):
                yield key

    def _prune(self, folder: str, bucket: str) -> None:
        """Remove folders that became empty, as nanio does."""
        top = f"{self._root}/{bucket}"
        while len(folder) > len(top):
            try:
                os.rmdir(folder)
            except OSError:
                return  # Not empty, or used by another one.
            folder = os.path.dirname(folder)


def _make_folder(folder: str) -> None:
    """Make a folder and those above it; from below, since all but the last one or two are there already."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_folder(os.path.dirname(folder))
        _make_folder(folder)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:
        return file.readall()


def _write(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def _replace(temporary: str, path: str) -> None:
    try:
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return


def _is_file(path: str) -> bool:
    try:
        return _regular(os.lstat(path))
    except OSError:
        return False


def _regular(status: os.stat_result) -> bool:
    return status.st_mode & 0o170000 == 0o100000


def _read_sidecar(path: str) -> dict[str, Any] | None:
    """The sidecar, or None where it is missing or damaged."""
    try:
        document = json.loads(_read(path))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _md5_of_file(path: str) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(_READ_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _conflict(uri: str) -> errors.Conflict:
    return errors.Conflict(
        f"The object {uri} can't be written: a part of its path is an object, or it is a folder of objects "
        "itself. Choose another key."
    )


def _unavailable(done: str, uri: str, error: OSError) -> errors.StoreError:
    if error.errno == 36:  # ENAMETOOLONG
        return errors.InvalidUri(f"The object's address is too long for the disk: {uri}.")
    return errors.ObjectStoreUnavailable(f"The object {uri} can't be {done}: {error.strerror or error}.")
