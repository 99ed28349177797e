"""What a task's own processes say went wrong: error.pb, or one `error-….pb` of each worker that failed.

The workers of a distributed task (PyTorch) write one file each, told to by the variable `_F_DES`; the
earliest of their errors is the cause of the others
(`flyteplugins/go/tasks/pluginmachinery/ioutils/remote_file_output_reader.go`).

A message is as long as its author likes. It is stored with every event that carries it and travels in
answers that clients limit to 4 MiB, so its middle is left out when it is longer than a person would read.
"""

from __future__ import annotations

from flyteidl.core import errors_pb2, execution_pb2
from google.protobuf import message

from sandbox.idl import paths
from sandbox.propeller.core.failures import SYSTEM, USER, Failure
from sandbox.store import errors
from sandbox.store.objects import ObjectStore

MAX_MESSAGE = 64 * 1024
"""Characters of a failure's message that are kept."""
_LEFT_OUT = "\n… ({left_out} characters of the message are left out here) …\n"
_NEVER = (1 << 63, 0)


def read(objects: ObjectStore, places: paths.AttemptPaths) -> Failure | None:
    """The failure that error.pb tells; None if there is none. Raises ObjectStoreUnavailable."""
    try:
        return _failure(_parse(objects.get(places.error)))
    except errors.ObjectNotFound:
        return None


def read_earliest(objects: ObjectStore, places: paths.AttemptPaths) -> Failure | None:
    """The earliest failure that a worker tells; None if none wrote one. Raises ObjectStoreUnavailable."""
    stem = places.error.removesuffix(".pb")
    documents = []
    for found in objects.list(f"{stem}-"):
        if found.uri.endswith(".pb"):
            try:
                documents.append(_parse(objects.get(found.uri)))
            except errors.ObjectNotFound:
                continue
    return _failure(min(documents, key=_when)) if documents else None


def shortened(text: str) -> str:
    """The message without its middle, if it is too long."""
    if len(text) <= MAX_MESSAGE:
        return text
    half = MAX_MESSAGE // 2
    return text[:half] + _LEFT_OUT.format(left_out=len(text) - 2 * half) + text[-half:]


def _parse(data: bytes) -> errors_pb2.ErrorDocument | message.DecodeError:
    try:
        return errors_pb2.ErrorDocument.FromString(data)
    except message.DecodeError as error:
        return error


def _when(document: errors_pb2.ErrorDocument | message.DecodeError) -> tuple[int, int]:
    """One that does not say when comes last."""
    if isinstance(document, message.DecodeError) or not document.error.HasField("timestamp"):
        return _NEVER
    return (document.error.timestamp.seconds, document.error.timestamp.nanos)


def _failure(document: errors_pb2.ErrorDocument | message.DecodeError) -> Failure:
    if isinstance(document, message.DecodeError):
        return Failure("ErrorFileBadFormat", f"error.pb can't be read: {document}", SYSTEM, recoverable=True)
    if not document.HasField("error"):
        text = "error.pb holds no error. This is a bug of the task's SDK."
        return Failure("ErrorFileBadFormat", text, SYSTEM, recoverable=True)
    told = document.error
    kind = SYSTEM if told.origin == execution_pb2.ExecutionError.SYSTEM else USER
    recoverable = told.kind == errors_pb2.ContainerError.RECOVERABLE
    said = f"worker {told.worker}: {told.message}" if told.worker else told.message
    return Failure(told.code, shortened(said), kind, recoverable)
