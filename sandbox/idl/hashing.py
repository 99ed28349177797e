"""Hashes: of registered things, and of what the data catalog remembers.

Catalog keys are Flyte's own, so that a catalog can be shared with one: the message as JSON, hashed by
Ben Laurie's *object hash* (every number a float, objects independent of the order of their keys). See
`flytestdlib/pbhash` and `flytepropeller/pkg/controller/nodes/catalog/datacatalog/transformer.go`.

The digest of a registration never leaves the control plane; it is the SHA-256 of the canonical bytes, which
is a hundred times faster for a workflow of thousands of nodes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flyteidl.core import identifier_pb2, interface_pb2, literals_pb2, tasks_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

_SIGNATURE_LENGTH = 8


class CacheKeyError(ValueError):
    """The task or its inputs have no cache key; the message says why."""


@dataclass(frozen=True, slots=True, order=True)
class DatasetKey:
    """A dataset of the data catalog: all cached results of one version of one task's interface."""

    project: str
    domain: str
    name: str
    version: str

    def to_identifier(self) -> identifier_pb2.Identifier:
        """As a node execution's catalog metadata names it."""
        return identifier_pb2.Identifier(
            resource_type=identifier_pb2.DATASET,
            project=self.project,
            domain=self.domain,
            name=self.name,
            version=self.version,
        )


def digest(message: Message) -> bytes:
    """32 bytes that are equal for messages of equal content, in any process, whatever their maps' order."""
    return hashlib.sha256(message.SerializeToString(deterministic=True)).digest()


def catalog_dataset(task_template: tasks_pb2.TaskTemplate) -> DatasetKey:
    """Where the results of this task are remembered.

    Its version changes with the task's cache version and its interface, not with the task's version. Raises
    CacheKeyError when the task has no cache version.
    """
    version = task_template.metadata.discovery_version.strip(" ")
    if not version:
        raise CacheKeyError(
            f"task [{task_template.id.name}] is cached but has no cache version: set cache_version"
        )
    signature = f"{_signature(task_template.interface.inputs)}-{_signature(task_template.interface.outputs)}"
    return DatasetKey(
        project=task_template.id.project,
        domain=task_template.id.domain,
        name=f"flyte_task-{task_template.id.name}",
        version=f"{version}-{signature}",
    )


def cache_tag(inputs: literals_pb2.LiteralMap, ignored: Collection[str] = ()) -> str:
    """The tag of the result for these inputs, leaving out the inputs `ignored`.

    A literal that brings its own hash stands for it alone. Raises CacheKeyError.
    """
    hashed = literals_pb2.LiteralMap()
    for name, literal in inputs.literals.items():
        if name not in ignored:
            hashed.literals[name].CopyFrom(_hashed(literal))
    return f"flyte_cached-{_encode(object_hash(hashed))}"


def object_hash(message: Message) -> bytes:
    """The object hash of the message's JSON: 32 bytes. Raises CacheKeyError."""
    try:
        document = json_format.MessageToDict(message)
    except (json_format.Error, ValueError) as exc:
        raise CacheKeyError(f"the value cannot be written as JSON, so it has no cache key: {exc}") from exc
    return hash_json(document)


def hash_json(value: Any) -> bytes:
    """The object hash of a JSON document, in which all numbers are floats."""
    match value:
        case str():
            return _hash_text(value) if len(value) < 64 else _tagged(b"u", value.encode())
        case dict():
            pairs = sorted(hash_json(key) + hash_json(item) for key, item in value.items())
            return _tagged(b"d", b"".join(pairs))
        case list():
            return _tagged(b"l", b"".join(map(hash_json, value)))
        case bool():
            return _tagged(b"b", b"1" if value else b"0")
        case None:
            return _tagged(b"n", b"")
        case _:
            return _tagged(b"f", normalise_float(float(value)).encode())


def normalise_float(value: float) -> str:
    """A float as sign, binary exponent and binary mantissa: `+1:` and the bits after the point."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "+0:"
    mantissa, exponent = math.frexp(abs(value))
    if mantissa == 0.5:  # frexp gives [0.5, 1); here it is (0.5, 1]
        mantissa, exponent = 1.0, exponent - 1
    text = f"{'-' if value < 0 else '+'}{exponent}:"
    while mantissa:
        text += "1" if mantissa >= 1 else "0"
        mantissa = (mantissa - 1 if mantissa >= 1 else mantissa) * 2
    return text


@functools.lru_cache(maxsize=1024)
def _hash_text(text: str) -> bytes:
    """Field names come again and again."""
    return _tagged(b"u", text.encode())


def _tagged(tag: bytes, content: bytes) -> bytes:
    return hashlib.sha256(tag + content).digest()


def _signature(variables: interface_pb2.VariableMap) -> str:
    return _encode(object_hash(variables))[:_SIGNATURE_LENGTH]


def _encode(hashed: bytes) -> str:
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def _hashed(literal: literals_pb2.Literal) -> literals_pb2.Literal:
    """The literal with every part that brings a hash replaced by that hash."""
    if literal.hash:
        return literals_pb2.Literal(hash=literal.hash)
    match literal.WhichOneof("value"):
        case "collection":
            items = [_hashed(item) for item in literal.collection.literals]
            return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=items))
        case "map":
            values = {key: _hashed(value) for key, value in literal.map.literals.items()}
            return literals_pb2.Literal(map=literals_pb2.LiteralMap(literals=values))
        case _:
            return literal
