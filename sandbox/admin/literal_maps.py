"""Literal maps as they lie in the object store: inputs and outputs of executions."""

from __future__ import annotations

import logging

from flyteidl.core import literals_pb2
from google.protobuf.message import DecodeError

from sandbox.store import errors as store_errors
from sandbox.store.objects import ObjectStore

log = logging.getLogger(__name__)


MAX_INLINED = 2 * 1024 * 1024
"""Bytes of offloaded literals that an answer may hold: half of what clients take by default."""


def read(objects: ObjectStore, uri: str) -> literals_pb2.LiteralMap:
    """The literals under a URI; none if the URI is empty.

    As in Flyte, data that isn't there (deleted, not written yet) or can't be read doesn't fail the request:
    the rest of the answer is still worth having. An object store that is down does fail it.
    """
    if not uri:
        return literals_pb2.LiteralMap()
    try:
        return _with_references(objects, literals_pb2.LiteralMap.FromString(objects.get(uri)))
    except (store_errors.ObjectNotFound, store_errors.InvalidUri, DecodeError) as exc:
        log.warning("the literals at %s can't be read: %s", uri, exc)
        return literals_pb2.LiteralMap()


def _with_references(objects: ObjectStore, found: literals_pb2.LiteralMap) -> literals_pb2.LiteralMap:
    """The map with what was offloaded put back in its place, where an answer has room for it.

    What stays a reference is read by the SDK when somebody asks for its value.
    """
    room = MAX_INLINED
    for name in sorted(found.literals):
        literal = found.literals[name]
        if literal.WhichOneof("value") != "offloaded_metadata":
            continue
        size = literal.offloaded_metadata.size_bytes
        if size > room:
            continue
        room -= size
        try:
            whole = literals_pb2.Literal.FromString(objects.get(literal.offloaded_metadata.uri))
        except (store_errors.ObjectNotFound, store_errors.InvalidUri, DecodeError) as exc:
            log.warning("the offloaded literal %s can't be read: %s", name, exc)
            continue
        found.literals[name].CopyFrom(whole)
    return found
