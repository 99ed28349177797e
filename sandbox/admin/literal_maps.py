"""Literal maps as they lie in the object store: inputs and outputs of executions."""

from __future__ import annotations

import logging

from flyteidl.core import literals_pb2
from google.protobuf.message import DecodeError

from sandbox.store import errors as store_errors
from sandbox.store.objects import ObjectStore

log = logging.getLogger(__name__)


def read(objects: ObjectStore, uri: str) -> literals_pb2.LiteralMap:
    """The literals under a URI; none if the URI is empty.

    As in Flyte, data that isn't there (deleted, not written yet) or can't be read doesn't fail the request:
    the rest of the answer is still worth having. An object store that is down does fail it.
    """
    if not uri:
        return literals_pb2.LiteralMap()
    try:
        return literals_pb2.LiteralMap.FromString(objects.get(uri))
    except (store_errors.ObjectNotFound, store_errors.InvalidUri, DecodeError) as exc:
        log.warning("the literals at %s can't be read: %s", uri, exc)
        return literals_pb2.LiteralMap()
