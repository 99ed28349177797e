"""The data catalog's rows: datasets, the artifacts in them, and the tags by which artifacts are found.

Cached task outputs are artifacts: the dataset is the task with its cache version and interface, the tag is
the hash of the inputs (`idl.hashing`). `lookup` and `record` are the two calls that memoization needs; the
rest is for the DataCatalog service.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from flyteidl.core import literals_pb2
from flyteidl.datacatalog import datacatalog_pb2
from sqlalchemy.dialects import postgresql as pg

from sandbox.store import errors, filters, listing, tables
from sandbox.store.database import Connection


class DatasetKey(Protocol):
    """What names a dataset; `idl.hashing.DatasetKey` is one."""

    @property
    def project(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...


@dataclass(frozen=True, slots=True)
class DatasetName:
    """A dataset's name, as read from a row."""

    project: str
    domain: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.project}:{self.domain}:{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A row of `datasets`."""

    id: int
    name: DatasetName
    metadata: bytes
    """`datacatalog.Metadata`."""
    partition_keys: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Artifact:
    """A row of `artifacts`, with its dataset's name and its tags."""

    id: int
    dataset: DatasetName
    artifact_id: str
    metadata: bytes
    """`datacatalog.Metadata`."""
    partitions: Mapping[str, str]
    data: bytes
    """`core.LiteralMap`."""
    created_at: datetime
    updated_at: datetime
    tags: tuple[str, ...]

    def literals(self) -> literals_pb2.LiteralMap:
        """The outputs."""
        return literals_pb2.LiteralMap.FromString(self.data)

    def source(self) -> dict[str, str]:
        """The metadata's pairs: which task execution made it."""
        return dict(datacatalog_pb2.Metadata.FromString(self.metadata).key_map)


_D = tables.datasets
_A = tables.artifacts
_T = tables.artifact_tags
_SELECT_DATASET = sa.select(
    _D.c.id,
    _D.c.project,
    _D.c.domain,
    _D.c.name,
    _D.c.version,
    _D.c.metadata,
    _D.c.partition_keys,
    _D.c.created_at,
)
_TAG_NAMES = (
    sa.select(sa.func.array_agg(_T.c.tag))
    .where(_T.c.artifact_id == _A.c.id)
    .correlate(_A)
    .scalar_subquery()
    .label("tag_names")
)
_SELECT = sa.select(
    _A.c.id,
    _D.c.project,
    _D.c.domain,
    _D.c.name,
    _D.c.version,
    _A.c.artifact_id,
    _A.c.metadata,
    _A.c.partitions,
    _A.c.data,
    _A.c.created_at,
    _A.c.updated_at,
    _TAG_NAMES,
).join_from(_A, _D, _A.c.dataset_id == _D.c.id)
_NAMED = sa.and_(
    _D.c.project == sa.bindparam("project"),
    _D.c.domain == sa.bindparam("domain"),
    _D.c.name == sa.bindparam("name"),
    _D.c.version == sa.bindparam("version"),
)
_BY_TAG = _SELECT.join(_T, _T.c.artifact_id == _A.c.id).where(_NAMED, _T.c.tag == sa.bindparam("tag"))
_BY_ID = _SELECT.where(_NAMED, _A.c.artifact_id == sa.bindparam("artifact_id"))
_DATASET_FIELDS = filters.Fields("dataset", filters.columns_of(_D))
_ARTIFACT_FIELDS = filters.Fields("artifact", filters.columns_of(_A))


def lookup(connection: Connection, dataset: DatasetKey, tag: str) -> Artifact | None:
    """The artifact that a tag stands for in a dataset, if there is one. One query."""
    row = connection.execute(_BY_TAG, {**_key(dataset), "tag": tag}).first()
    return None if row is None else _from_row(row)


def record(
    connection: Connection,
    dataset: DatasetKey,
    tag: str,
    data: literals_pb2.LiteralMap,
    metadata: Mapping[str, str],
    *,
    overwrite: bool = False,
) -> Artifact:
    """Keep outputs under a tag, making the dataset if need be, and return what the tag now stands for.

    Where the tag is taken, the first one to have recorded wins, unless `overwrite` replaces its data.
    """
    described = datacatalog_pb2.Metadata(key_map=metadata).SerializeToString(deterministic=True)
    data_bytes = data.SerializeToString(deterministic=True)
    _ensure_dataset(connection, dataset, described)
    existing = lookup(connection, dataset, tag)
    if existing is not None:
        return update(connection, existing, data_bytes, described) if overwrite else existing
    owner = get_dataset(connection, dataset)
    fresh = _insert(connection, owner.id, str(uuid.uuid4()), described, {}, data_bytes)
    tagged = connection.execute(
        pg.insert(_T).values(dataset_id=owner.id, tag=tag, artifact_id=fresh).on_conflict_do_nothing()
    )
    if tagged.rowcount == 0:
        # Another one recorded in between, and committed: ours is of no use.
        connection.execute(sa.delete(_A).where(_A.c.id == fresh))
        return record(connection, dataset, tag, data, metadata, overwrite=overwrite)
    recorded = lookup(connection, dataset, tag)
    if recorded is None:
        raise errors.Conflict(f"The artifact tagged {tag!r} vanished while it was recorded.")
    return recorded


def create_dataset(
    connection: Connection, dataset: DatasetKey, metadata: bytes, partition_keys: Sequence[str] = ()
) -> Dataset:
    """Insert a dataset; `AlreadyExists`."""
    inserted = connection.execute(
        pg.insert(_D)
        .values(**_key(dataset), metadata=metadata, partition_keys=list(partition_keys))
        .on_conflict_do_nothing()
    )
    if inserted.rowcount == 0:
        raise errors.AlreadyExists(f"The dataset {_name(dataset)} already exists.")
    return get_dataset(connection, dataset)


def get_dataset(connection: Connection, dataset: DatasetKey) -> Dataset:
    """One dataset; `NotFound`."""
    row = connection.execute(_SELECT_DATASET.where(_NAMED), _key(dataset)).first()
    if row is None:
        raise errors.NotFound(f"The dataset {_name(dataset)} does not exist.")
    return _dataset_from_row(row)


def list_datasets(
    connection: Connection, where: Mapping[str, str], request: listing.Listing
) -> listing.Page[Dataset]:
    """Datasets whose columns (project, domain, name, version) equal what is given."""
    statement = _SELECT_DATASET.where(*(_D.c[column] == value for column, value in where.items()))
    return listing.fetch(
        connection, statement, request, _DATASET_FIELDS, _dataset_from_row, tie=(_D.c.created_at, _D.c.id)
    )


def create(
    connection: Connection,
    dataset: DatasetKey,
    artifact_id: str,
    *,
    metadata: bytes,
    data: bytes,
    partitions: Mapping[str, str] | None = None,
) -> Artifact:
    """Insert an artifact into a dataset; `NotFound` dataset, `AlreadyExists`."""
    owner = get_dataset(connection, dataset)
    try:
        with connection.begin_nested():
            _insert(connection, owner.id, artifact_id, metadata, partitions or {}, data)
    except errors.AlreadyExists as error:
        raise errors.AlreadyExists(
            f"The artifact {artifact_id!r} already exists in the dataset {_name(dataset)}."
        ) from error
    return get(connection, dataset, artifact_id)


def get(connection: Connection, dataset: DatasetKey | None, artifact_id: str) -> Artifact:
    """One artifact by its id, in a dataset or (None) in any; `NotFound`."""
    if dataset is None:
        row = connection.execute(_SELECT.where(_A.c.artifact_id == artifact_id).order_by(_A.c.id)).first()
    else:
        row = connection.execute(_BY_ID, {**_key(dataset), "artifact_id": artifact_id}).first()
    if row is None:
        where = "" if dataset is None else f" in the dataset {_name(dataset)}"
        raise errors.NotFound(f"There is no artifact {artifact_id!r}{where}.")
    return _from_row(row)


def get_by_tag(connection: Connection, dataset: DatasetKey, tag: str) -> Artifact:
    """One artifact by its tag; `NotFound`."""
    found = lookup(connection, dataset, tag)
    if found is None:
        raise errors.NotFound(f"No artifact of the dataset {_name(dataset)} has the tag {tag!r}.")
    return found


def list_page(
    connection: Connection,
    dataset: DatasetKey,
    request: listing.Listing,
    *,
    artifact_id: str | None = None,
    tag: str | None = None,
    partitions: Mapping[str, str] | None = None,
) -> listing.Page[Artifact]:
    """The artifacts of a dataset that match all that is given; `NotFound` dataset."""
    statement = _SELECT.where(_A.c.dataset_id == get_dataset(connection, dataset).id)
    if artifact_id is not None:
        statement = statement.where(_A.c.artifact_id == artifact_id)
    if tag is not None:
        statement = statement.where(sa.exists().where(_T.c.artifact_id == _A.c.id, _T.c.tag == tag))
    if partitions:
        statement = statement.where(_A.c.partitions.contains(dict(partitions)))
    return listing.fetch(
        connection, statement, request, _ARTIFACT_FIELDS, _from_row, tie=(_A.c.created_at, _A.c.id)
    )


def add_tag(connection: Connection, dataset: DatasetKey, artifact_id: str, tag: str) -> None:
    """Tag an artifact; `NotFound` dataset or artifact, `AlreadyExists` if the tag stands for any artifact."""
    owner = get_dataset(connection, dataset)
    found = get(connection, dataset, artifact_id)
    tagged = connection.execute(
        pg.insert(_T).values(dataset_id=owner.id, tag=tag, artifact_id=found.id).on_conflict_do_nothing()
    )
    if tagged.rowcount == 0:
        raise errors.AlreadyExists(f"The tag {tag!r} is already used in the dataset {owner.name}.")


def update(connection: Connection, artifact: Artifact, data: bytes, metadata: bytes) -> Artifact:
    """Replace an artifact's data and metadata; `NotFound` if it was removed meanwhile."""
    changed = connection.execute(
        sa.update(_A)
        .where(_A.c.id == artifact.id)
        .values(data=data, metadata=metadata, updated_at=sa.func.now())
    )
    if changed.rowcount == 0:
        raise errors.NotFound(f"The artifact {artifact.artifact_id!r} does not exist any more.")
    return get(connection, artifact.dataset, artifact.artifact_id)


def _ensure_dataset(connection: Connection, dataset: DatasetKey, metadata: bytes) -> None:
    connection.execute(
        pg.insert(_D).values(**_key(dataset), metadata=metadata, partition_keys=[]).on_conflict_do_nothing()
    )


def _insert(
    connection: Connection,
    dataset_id: int,
    artifact_id: str,
    metadata: bytes,
    partitions: Mapping[str, str],
    data: bytes,
) -> int:
    statement = (
        pg.insert(_A)
        .values(
            dataset_id=dataset_id,
            artifact_id=artifact_id,
            metadata=metadata,
            partitions=dict(partitions),
            data=data,
        )
        .returning(_A.c.id)
    )
    return int(connection.execute(statement).scalar_one())


def _key(dataset: DatasetKey) -> dict[str, str]:
    return {
        "project": dataset.project,
        "domain": dataset.domain,
        "name": dataset.name,
        "version": dataset.version,
    }


def _name(dataset: DatasetKey) -> DatasetName:
    return DatasetName(dataset.project, dataset.domain, dataset.name, dataset.version)


def _dataset_from_row(row: Any) -> Dataset:
    row_id, project, domain, name, version, metadata, keys, created_at = row
    return Dataset(row_id, DatasetName(project, domain, name, version), metadata, tuple(keys), created_at)


def _from_row(row: Any) -> Artifact:
    row_id, project, domain, name, version, *rest, tags = row
    fields: list[Any] = [row_id, DatasetName(project, domain, name, version), *rest, tuple(tags or ())]
    return Artifact(*fields)
