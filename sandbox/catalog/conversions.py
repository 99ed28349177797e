"""The store's rows as catalog messages, and back."""

from __future__ import annotations

from collections.abc import Iterable

from flyteidl.core import literals_pb2
from flyteidl.datacatalog import datacatalog_pb2 as pb

from sandbox.catalog.errors import InvalidArgument
from sandbox.catalog.validation import present
from sandbox.store import artifacts, reservations


def dataset_id(name: artifacts.DatasetName) -> pb.DatasetID:
    """A dataset's name."""
    return pb.DatasetID(project=name.project, domain=name.domain, name=name.name, version=name.version)


def dataset(row: artifacts.Dataset) -> pb.Dataset:
    """A dataset."""
    return pb.Dataset(
        id=dataset_id(row.name),
        metadata=pb.Metadata.FromString(row.metadata),
        partitionKeys=row.partition_keys,
    )


def artifact(row: artifacts.Artifact) -> pb.Artifact:
    """An artifact with its data, partitions and tags."""
    owner = dataset_id(row.dataset)
    message = pb.Artifact(
        id=row.artifact_id,
        dataset=owner,
        data=[
            pb.ArtifactData(name=name, value=value) for name, value in sorted(row.literals().literals.items())
        ],
        metadata=pb.Metadata.FromString(row.metadata),
        partitions=[pb.Partition(key=key, value=value) for key, value in sorted(row.partitions.items())],
        tags=[pb.Tag(name=tag, artifact_id=row.artifact_id, dataset=owner) for tag in sorted(row.tags)],
    )
    message.created_at.FromDatetime(row.created_at)
    return message


def data(entries: Iterable[pb.ArtifactData]) -> bytes:
    """An artifact's data as the store keeps it: a `core.LiteralMap`; at least one value is needed."""
    literals = literals_pb2.LiteralMap()
    for entry in entries:
        literals.literals[present(entry.name, "name of the artifact data")].CopyFrom(entry.value)
    if not literals.literals:
        raise InvalidArgument("missing artifactData")
    return bytes(literals.SerializeToString(deterministic=True))


def metadata(message: pb.Metadata) -> bytes:
    """Metadata as the store keeps it."""
    return bytes(message.SerializeToString(deterministic=True))


def reservation(row: reservations.Reservation) -> pb.Reservation:
    """A reservation and who holds it."""
    message = pb.Reservation(
        reservation_id=pb.ReservationID(dataset_id=dataset_id(row.dataset), tag_name=row.tag),
        owner_id=row.owner,
    )
    message.heartbeat_interval.FromTimedelta(row.heartbeat)
    message.expires_at.FromDatetime(row.expires_at)
    return message
