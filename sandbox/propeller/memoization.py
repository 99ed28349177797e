"""Memoization: finding a task's outputs in the data catalog instead of running it, and putting them there.

The dataset is the task with its cache version and interface, the tag is the hash of the inputs
(`idl.hashing`). A catalog that can't be asked is no reason to fail: the task runs, and the node's cache
status says what happened.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta

from flyteidl.core import catalog_pb2, identifier_pb2, literals_pb2, tasks_pb2

from sandbox.idl import hashing
from sandbox.idl.identifiers import AttemptKey
from sandbox.store import artifacts, reservations
from sandbox.store.artifacts import Artifact
from sandbox.store.database import Database

# Keys under which Flyte's catalog client keeps where an artifact comes from.
_SOURCE_KEYS = {
    "execution-project": "exec-project",
    "execution-domain": "exec-domain",
    "execution-name": "execution-name",
    "node": "exec-node",
    "attempt": "exec-attempt",
    "task-project": "task-project",
    "task-domain": "task-domain",
    "task-name": "task-name",
    "task-version": "task-version",
}
HEARTBEAT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Where the outputs of a task for certain inputs are to be found."""

    dataset: hashing.DatasetKey
    tag: str


@dataclass(frozen=True, slots=True)
class Found:
    """What the catalog holds for a key."""

    outputs: literals_pb2.LiteralMap
    metadata: catalog_pb2.CatalogMetadata


def is_cacheable(template: tasks_pb2.TaskTemplate) -> bool:
    """Whether the task's outputs are to be remembered; a task without outputs has none."""
    return bool(template.metadata.discoverable) and bool(template.interface.outputs.variables)


def key(template: tasks_pb2.TaskTemplate, inputs: literals_pb2.LiteralMap) -> CacheKey:
    """The key of a task with these inputs. Raises hashing.CacheKeyError."""
    tag = hashing.cache_tag(inputs, list(template.metadata.cache_ignore_input_vars))
    return CacheKey(hashing.catalog_dataset(template), tag)


def lookup(database: Database, cache_key: CacheKey) -> Found | None:
    """What the catalog holds, if anything."""
    with database.reading() as connection:
        artifact = artifacts.lookup(connection, cache_key.dataset, cache_key.tag)
    if artifact is None:
        return None
    return Found(artifact.literals(), _metadata_of(cache_key, artifact))


def record(
    database: Database,
    cache_key: CacheKey,
    outputs: literals_pb2.LiteralMap,
    source: AttemptKey,
    template: tasks_pb2.TaskTemplate,
    *,
    overwrite: bool,
) -> catalog_pb2.CatalogMetadata:
    """Put outputs into the catalog; where others were first theirs stay, unless `overwrite`."""
    task = template.id
    described = {
        _SOURCE_KEYS["execution-project"]: source.execution.project,
        _SOURCE_KEYS["execution-domain"]: source.execution.domain,
        _SOURCE_KEYS["execution-name"]: source.execution.name,
        _SOURCE_KEYS["node"]: source.node,
        _SOURCE_KEYS["attempt"]: str(source.attempt),
        _SOURCE_KEYS["task-project"]: task.project,
        _SOURCE_KEYS["task-domain"]: task.domain,
        _SOURCE_KEYS["task-name"]: task.name,
        _SOURCE_KEYS["task-version"]: task.version,
    }
    with database.transaction() as connection:
        artifact = artifacts.record(
            connection, cache_key.dataset, cache_key.tag, outputs, described, overwrite=overwrite
        )
    return _metadata_of(cache_key, artifact)


def reserve(database: Database, cache_key: CacheKey, owner: str) -> bool:
    """Take (or prolong) the right to compute the outputs for a key; False: another one holds it."""
    with database.transaction() as connection:
        held = reservations.get_or_extend(
            connection, cache_key.dataset, cache_key.tag, owner=owner, heartbeat=HEARTBEAT
        )
    return held.owner == owner


def release(database: Database, cache_key: CacheKey, owner: str) -> None:
    """Let others have the right."""
    with database.transaction() as connection:
        reservations.release(connection, cache_key.dataset, cache_key.tag, owner=owner)


def empty_metadata(cache_key: CacheKey) -> catalog_pb2.CatalogMetadata:
    """What is known before anything is in the catalog: the dataset."""
    return catalog_pb2.CatalogMetadata(dataset_id=_dataset_id(cache_key))


def pack(metadata: catalog_pb2.CatalogMetadata) -> str:
    """Catalog metadata as events carry it."""
    return base64.b64encode(metadata.SerializeToString(deterministic=True)).decode()


def unpack(text: str) -> catalog_pb2.CatalogMetadata:
    """The other way round."""
    return catalog_pb2.CatalogMetadata.FromString(base64.b64decode(text))


def _dataset_id(cache_key: CacheKey) -> identifier_pb2.Identifier:
    dataset = cache_key.dataset
    return identifier_pb2.Identifier(
        resource_type=identifier_pb2.DATASET,
        project=dataset.project,
        domain=dataset.domain,
        name=dataset.name,
        version=dataset.version,
    )


def _metadata_of(cache_key: CacheKey, artifact: Artifact) -> catalog_pb2.CatalogMetadata:
    source = artifact.source()
    metadata = empty_metadata(cache_key)
    metadata.artifact_tag.artifact_id = artifact.artifact_id
    metadata.artifact_tag.name = cache_key.tag
    if _SOURCE_KEYS["execution-name"] in source:
        metadata.source_task_execution.CopyFrom(_source(source))
    return metadata


def _source(source: dict[str, str]) -> identifier_pb2.TaskExecutionIdentifier:
    def value(name: str) -> str:
        return source.get(_SOURCE_KEYS[name], "")

    return identifier_pb2.TaskExecutionIdentifier(
        task_id=identifier_pb2.Identifier(
            resource_type=identifier_pb2.TASK,
            project=value("task-project"),
            domain=value("task-domain"),
            name=value("task-name"),
            version=value("task-version"),
        ),
        node_execution_id=identifier_pb2.NodeExecutionIdentifier(
            node_id=value("node"),
            execution_id=identifier_pb2.WorkflowExecutionIdentifier(
                project=value("execution-project"),
                domain=value("execution-domain"),
                name=value("execution-name"),
            ),
        ),
        retry_attempt=int(value("attempt") or 0),
    )
