"""The files with an attempt's secrets: written by its own process, removed when it is over."""

from __future__ import annotations

import base64
import os
import shutil
import typing

from . import records


def write(directory: str, files: typing.Mapping[str, str]) -> None:
    """Write files (relative path → base64) that only this user may read, below the attempt's directory."""
    root = os.path.join(directory, records.SECRETS)
    for name, content in files.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.chmod(root, 0o700)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(base64.b64decode(content))


def remove(directory: str) -> None:
    """Leave nothing of them."""
    shutil.rmtree(os.path.join(directory, records.SECRETS), ignore_errors=True)
