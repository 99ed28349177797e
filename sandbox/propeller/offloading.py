"""Large literals: kept in files of their own, beside outputs.pb, where only who needs them reads them.

An SDK that finds `_F_L_MIN_SIZE_MB` in its environment writes an output of that size and more to
`<variable>_offloaded_metadata.pb` and leaves a reference with a hash in its place; so does the engine with
the lists that array nodes give. References go from node to node as they are. They are followed where the
engine itself looks at the value, and where the reader is none that could follow them
(`flytepropeller/pkg/controller/nodes/common/utils.go`, where such a reader is an error).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from flyteidl.core import literals_pb2, tasks_pb2, types_pb2

from sandbox.idl import literals
from sandbox.propeller.literal_store import LiteralStore
from sandbox.propeller.settings import OffloadingSettings

MEBIBYTE = 1024 * 1024
_FIRST_SDK = (1, 13, 14)
"""The first flytekit that reads references and writes them."""
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


class LiteralTooLarge(ValueError):
    """A literal is larger than may be kept at all."""


def is_understood(template: tasks_pb2.TaskTemplate) -> bool:
    """Whether the task's SDK can read references."""
    runtime = template.metadata.runtime
    match = _VERSION.match(runtime.version)
    if runtime.type != tasks_pb2.RuntimeMetadata.FLYTE_SDK or match is None:
        return False
    return tuple(int(part) for part in match.groups()) >= _FIRST_SDK


def environment(settings: OffloadingSettings, template: tasks_pb2.TaskTemplate) -> dict[str, str]:
    """What tells an SDK to offload; nothing when it is off, or to one that can't."""
    if not settings.enabled or not is_understood(template):
        return {}
    return {"_F_L_MIN_SIZE_MB": str(settings.min_mebibytes), "_F_L_MAX_SIZE_MB": str(settings.max_mebibytes)}


def followed(store: LiteralStore, given: literals_pb2.LiteralMap) -> literals_pb2.LiteralMap:
    """The map with its references replaced by what they refer to; the same object if it has none.

    Not inside lists and maps. Raises ObjectNotFound, ObjectStoreUnavailable, UnreadableLiterals.
    """
    if not any(_is_reference(value) for value in given.literals.values()):
        return given
    whole = literals_pb2.LiteralMap()
    for name, value in given.literals.items():
        whole.literals[name].CopyFrom(store.whole(value))
    return whole


def inlined(store: LiteralStore, given: literals_pb2.LiteralMap) -> literals_pb2.LiteralMap:
    """The map without any reference, inside lists and maps neither; the same object if it has none.

    Raises ObjectNotFound, ObjectStoreUnavailable, UnreadableLiterals.
    """
    if not any(map(_has_reference, given.literals.values())):
        return given
    whole = literals_pb2.LiteralMap()
    for name, value in given.literals.items():
        whole.literals[name].CopyFrom(_inlined(store, value))
    return whole


def offloaded(
    store: LiteralStore,
    settings: OffloadingSettings,
    given: literals_pb2.LiteralMap,
    prefix: str,
    kinds: Mapping[str, types_pb2.LiteralType],
) -> literals_pb2.LiteralMap:
    """The map with a reference in place of each value that is large, which is written under `prefix`.

    `kinds` are the variables' types. Raises LiteralTooLarge, ObjectStoreUnavailable.
    """
    if not settings.enabled:
        return given
    small = literals_pb2.LiteralMap()
    for name, value in given.literals.items():
        size = value.ByteSize()
        if size >= settings.max_mebibytes * MEBIBYTE:
            raise LiteralTooLarge(
                f"output [{name}] has {size} bytes, at least the {settings.max_mebibytes} MiB "
                "that may be kept beside outputs.pb"
            )
        if size < settings.min_mebibytes * MEBIBYTE or _is_reference(value):
            small.literals[name].CopyFrom(value)
            continue
        data = value.SerializeToString(deterministic=True)
        uri = f"{prefix}/{name}_offloaded_metadata.pb"
        store.put_bytes(uri, data)
        reference = small.literals[name]
        reference.offloaded_metadata.uri = uri
        reference.offloaded_metadata.size_bytes = size
        reference.offloaded_metadata.inferred_type.CopyFrom(kinds[name])
        reference.hash = value.hash or hashlib.sha256(data).hexdigest()
    return small


def references(given: literals_pb2.LiteralMap) -> Iterator[str]:
    """The URIs of all that the map refers to, inside lists and maps too."""
    for value in given.literals.values():
        yield from _references(value)


def _is_reference(value: literals_pb2.Literal) -> bool:
    return bool(value.WhichOneof("value") == "offloaded_metadata")


def _has_reference(value: literals_pb2.Literal) -> bool:
    return any(True for _ in _references(value))


def _references(value: literals_pb2.Literal) -> Iterator[str]:
    match value.WhichOneof("value"):
        case "offloaded_metadata":
            yield value.offloaded_metadata.uri
        case "collection":
            for item in value.collection.literals:
                yield from _references(item)
        case "map":
            for item in value.map.literals.values():
                yield from _references(item)
        case "scalar" if value.scalar.WhichOneof("value") == "union":
            yield from _references(value.scalar.union.value)


def _inlined(store: LiteralStore, value: literals_pb2.Literal) -> literals_pb2.Literal:
    if not _has_reference(value):
        return value
    match value.WhichOneof("value"):
        case "collection":
            return literals.collection(_inlined(store, item) for item in value.collection.literals)
        case "map":
            items = value.map.literals
            return literals.mapping({key: _inlined(store, items[key]) for key in items})
        case "scalar":
            union = value.scalar.union
            return literals.union(_inlined(store, union.value), union.type)
        case _:
            return _inlined(store, store.whole(value))
