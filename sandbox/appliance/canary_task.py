"""The canary's task: what runs in its process.

    python -m sandbox.appliance.canary_task INPUTS OUTPUT_PREFIX

It does what any task does: reads its literals, fetches the file that they name from S3, and writes
outputs.pb. Only the protobuf messages and a small S3 client are imported, for the time it takes is part of
every start.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from flyteidl.core import literals_pb2

from sandbox.executors.process.runner import s3

PAYLOAD = "payload"
"""The input: a URI."""
DIGEST = "digest"
"""The output: SHA-256 of the bytes there, in hexadecimal."""


def main(arguments: list[str]) -> None:
    inputs_at, output_prefix = arguments
    store = s3.Store(
        os.environ["FLYTE_AWS_ENDPOINT"],
        os.environ["FLYTE_AWS_ACCESS_KEY_ID"],
        os.environ["FLYTE_AWS_SECRET_ACCESS_KEY"],
    )
    with tempfile.TemporaryDirectory() as folder:
        inputs = literals_pb2.LiteralMap.FromString(_read(store, inputs_at, Path(folder, "inputs.pb")))
        payload = inputs.literals[PAYLOAD].scalar.primitive.string_value
        digest = hashlib.sha256(_read(store, payload, Path(folder, "payload"))).hexdigest()
        outputs = literals_pb2.LiteralMap()
        outputs.literals[DIGEST].scalar.primitive.string_value = digest
        _write(store, f"{output_prefix}/outputs.pb", outputs.SerializeToString(), Path(folder, "outputs.pb"))
    print(f"read {payload}: sha256 {digest}")


def _read(store: s3.Store, source: str, scratch: Path) -> bytes:
    if not source.startswith("s3://"):
        return Path(source).read_bytes()
    store.get(source, str(scratch))
    return scratch.read_bytes()


def _write(store: s3.Store, target: str, data: bytes, scratch: Path) -> None:
    if not target.startswith("s3://"):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_bytes(data)
        return
    scratch.write_bytes(data)
    store.put(str(scratch), target)


if __name__ == "__main__":
    main(sys.argv[1:])
