"""`python -m sandbox.copilot download|sidecar|upload`: what runs beside the container of a task in its pod.

The flags are those of Flyte's copilot. `download` brings the inputs and ends; `sidecar` waits until it is
told to end (by SIGTERM, when the task's container has ended), then takes the outputs; `upload` takes them at
once.
What goes wrong with the task's data is written to `error.pb`; it is no failure of the program that takes the
outputs, but the one that brings the inputs fails too, lest the task starts without them.

The object store is named by the variables FLYTE_AWS_ENDPOINT, FLYTE_AWS_ACCESS_KEY_ID and
FLYTE_AWS_SECRET_ACCESS_KEY.
"""

from __future__ import annotations

import argparse
import base64
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from flyteidl.core import interface_pb2, literals_pb2, tasks_pb2

from sandbox.copilot import download, errors, exit_codes, files, upload
from sandbox.store.objects import S3ObjectStore, S3Settings

_ERROR = "error.pb"
_FORMATS = tasks_pb2.DataLoadingConfig.LiteralMapFormat


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command; the exit code is one of `exit_codes`."""
    options = _parser().parse_args(arguments)
    objects = S3ObjectStore(
        S3Settings(
            endpoint=environ.get("FLYTE_AWS_ENDPOINT", "https://s3.amazonaws.com"),
            access_key=environ.get("FLYTE_AWS_ACCESS_KEY_ID", ""),
            secret_key=environ.get("FLYTE_AWS_SECRET_ACCESS_KEY", ""),
        )
    )
    try:
        if options.command == "download":
            return _download(options, objects)
        if options.command == "sidecar":
            _wait_for_the_end(options.ready_file)
        _upload(options, objects)
    except errors.CopilotError as exc:
        print(exc, file=sys.stderr)
        return exit_codes.STORE_UNAVAILABLE
    return exit_codes.DONE


def _download(options: argparse.Namespace, objects: files.Objects) -> int:
    try:
        with errors.of_store():
            data = objects.get(options.from_remote)
        download.inputs(
            objects,
            literals_pb2.LiteralMap.FromString(data),
            Path(options.to_local_dir),
            shown=PurePosixPath(options.to_local_dir),
            document_format=_FORMATS.Value(options.format),
            with_files=not options.without_files,
        )
    except errors.Untransferable as exc:
        _report(objects, options.to_output_prefix, "InputDownloadFailed", exc)
        return exit_codes.UNTRANSFERABLE  # The task must not start without its inputs.
    return exit_codes.DONE


def _upload(options: argparse.Namespace, objects: files.Objects) -> None:
    interface = interface_pb2.TypedInterface.FromString(base64.b64decode(options.interface))
    if not interface.outputs.variables:
        return
    try:
        folder = Path(options.from_local_dir)
        found = upload.outputs(objects, interface.outputs, folder, raw_prefix=options.to_raw_output)
    except errors.Untransferable as exc:
        _report(objects, options.to_output_prefix, "OutputUploadFailed", exc)
        return
    with errors.of_store():
        objects.put(f"{options.to_output_prefix}/{options.meta_output_name}", found.SerializeToString())


def _report(objects: files.Objects, prefix: str, code: str, cause: errors.CopilotError) -> None:
    print(cause, file=sys.stderr)
    with errors.of_store():
        objects.put(f"{prefix}/{_ERROR}", upload.error_document(code, str(cause)))


def _wait_for_the_end(ready_file: str | None) -> None:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if ready_file:
        # A container's first process does not hear a signal that it has no handler for (yet).
        Path(ready_file).touch()
    ended.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox.copilot", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    bring = commands.add_parser("download", help="bring the inputs as files")
    bring.add_argument("-f", "--from-remote", required=True, help="the URI of inputs.pb")
    bring.add_argument("--to-output-prefix", required=True, help="where an error is written")
    bring.add_argument("-o", "--to-local-dir", required=True)
    bring.add_argument("-m", "--format", choices=_FORMATS.keys(), default="JSON")
    bring.add_argument("-i", "--input-interface", help="taken, and not needed")
    bring.add_argument("--without-files", action="store_true", help="leave files and tables in the store")
    for name in ("sidecar", "upload"):
        take = commands.add_parser(name, help="take the outputs from files")
        take.add_argument("-o", "--to-output-prefix", required=True, help="where outputs.pb is written")
        take.add_argument("-x", "--to-raw-output", required=True, help="where files are stored")
        take.add_argument("-f", "--from-local-dir", required=True)
        take.add_argument("-i", "--interface", default="", help="core.TypedInterface in base 64")
        take.add_argument("--meta-output-name", default="outputs.pb")
        take.add_argument("-t", "--timeout", help="taken, and not needed")
        if name == "sidecar":
            take.add_argument("--ready-file", help="made when it can be told to end")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
