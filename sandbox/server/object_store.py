"""`python -m sandbox.server.object_store --data DIR --credentials DIR`: S3 over a folder, in its own pod.

It makes the bucket (a folder, to nanio) and then becomes nanio, which ends at SIGTERM. It is no role: it
knows nothing of the control plane.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> int:
    """1 if it can't begin; otherwise it does not come back."""
    arguments = _parse()
    try:
        keys = {
            "NANIO_ACCESS_KEY": (arguments.credentials / "s3-access-key").read_text().strip(),
            "NANIO_SECRET_KEY": (arguments.credentials / "s3-secret-key").read_text().strip(),
        }
        (arguments.data / arguments.bucket).mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        print(f"can't start: {exc.filename}: {exc.strerror}", file=sys.stderr)
        return 1
    command = [
        sys.executable,
        "-m",
        "nanio",
        "serve",
        f"--data-dir={arguments.data}",
        f"--host={arguments.host}",
        f"--port={arguments.port}",
        f"--region={arguments.region}",
        "--log-level=warning",
        "--no-access-log",
    ]
    os.execve(sys.executable, command, {**os.environ, **keys})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.server.object_store", description="Run S3.")
    parser.add_argument("--data", type=Path, required=True, help="the volume; buckets are folders")
    parser.add_argument("--credentials", type=Path, required=True, help="s3-access-key and s3-secret-key")
    parser.add_argument("--bucket", default="my-s3-bucket", help="made if it is not there")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=9000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
