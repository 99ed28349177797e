"""S3 for flytekits before 1.5, which call the `aws` program for it: few environments have that.

Registers a persistence plugin that speaks S3 itself, in place of flytekit's own for `s3://`; a plugin that
the environment brought along is left alone.
"""

from __future__ import annotations

import os
import sys
import typing

from . import s3

_OWN_PLUGIN = "flytekit.extras.persistence.s3_awscli"


def register() -> bool:
    """Replace the plugin that calls `aws`; whether there was one."""
    persistence: typing.Any = sys.modules.get("flytekit.core.data_persistence")
    plugins = getattr(persistence, "DataPersistencePlugins", None)
    current = getattr(plugins, "_PLUGINS", {}).get("s3://")
    if plugins is None or current is None or current.__module__ != _OWN_PLUGIN:
        return False
    plugins.register_plugin("s3://", _plugin(current), force=True)
    return True


def _plugin(base: typing.Any) -> type:
    """A class derived from flytekit's own, which knows how paths are constructed."""

    class DirectS3Persistence(base):  # type: ignore[misc]
        def __init__(self, *args: typing.Any, **kwargs: typing.Any) -> None:
            super().__init__(*args, **kwargs)
            self._store = s3.Store(
                self.s3_cfg.endpoint or "https://s3.amazonaws.com",
                self.s3_cfg.access_key_id or os.environ.get("AWS_ACCESS_KEY_ID", ""),
                self.s3_cfg.secret_access_key or os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
            )

        def exists(self, remote_path: str) -> bool:
            return self._store.exists(remote_path)

        def get(self, from_path: str, to_path: str, recursive: bool = False) -> None:
            if recursive:
                get_folder(self._store, from_path, to_path)
            else:
                into = os.path.isdir(to_path)
                place = os.path.join(to_path, os.path.basename(from_path)) if into else to_path
                self._store.get(from_path, place)

        def put(self, from_path: str, to_path: str, recursive: bool = False) -> None:
            if recursive:
                put_folder(self._store, from_path, to_path)
            else:
                self._store.put(from_path, to_path)

    return DirectS3Persistence


def get_folder(store: s3.Store, uri: str, directory: str) -> None:
    """Write everything below a URI into a directory."""
    prefix = uri.rstrip("/") + "/"
    for found in store.list(prefix):
        name = found[len(prefix) :]
        place = os.path.normpath(os.path.join(directory, name))
        if name.endswith("/") or not place.startswith(os.path.normpath(directory) + os.sep):
            continue
        os.makedirs(os.path.dirname(place), exist_ok=True)
        store.get(found, place)


def put_folder(store: s3.Store, directory: str, uri: str) -> None:
    """Store every file in a directory below a URI."""
    for folder, _, names in os.walk(directory):
        for name in sorted(names):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, directory).replace(os.sep, "/")
            store.put(path, f"{uri.rstrip('/')}/{relative}")
