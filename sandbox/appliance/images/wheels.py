"""This program as a wheel, packed from where it runs: an installation or a source tree.

The same files always give the same bytes, so that a digest of the wheel says whether an image made of it is
still right. Files of the appliance that images don't need (`_assets`) stay out.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import sandbox

DISTRIBUTION = "flyte_sandbox_appliance"
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The oldest date that a zip file can hold."""
_LEFT_OUT = frozenset(("__pycache__", "_assets"))


def file_name() -> str:
    """What pip wants the wheel to be called."""
    return f"{DISTRIBUTION}-{sandbox.__version__}-py3-none-any.whl"


def pack(package: Path | None = None) -> bytes:
    """The wheel's bytes. `package`: the folder `sandbox`; None: the one that runs."""
    root = package or Path(sandbox.__file__).resolve().parent
    info = f"{DISTRIBUTION}-{sandbox.__version__}.dist-info"
    files = [(f"sandbox/{path.relative_to(root).as_posix()}", path.read_bytes()) for path in _files(root)]
    files += [
        (
            f"{info}/METADATA",
            "Metadata-Version: 2.1\n"
            f"Name: {DISTRIBUTION.replace('_', '-')}\n"
            f"Version: {sandbox.__version__}\n".encode(),
        ),
        (
            f"{info}/WHEEL",
            b"Wheel-Version: 1.0\nGenerator: sandbox\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
        (f"{info}/entry_points.txt", b"[console_scripts]\nsandbox = sandbox.cli.main:main\n"),
    ]
    record = "".join(f"{name},sha256={_hash(content)},{len(content)}\n" for name, content in files)
    files.append((f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not _LEFT_OUT.intersection(path.relative_to(root).parts):
            yield path


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
