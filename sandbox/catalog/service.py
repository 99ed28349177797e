"""Flyte's DataCatalog service.

What memoization records shows up here and the other way round: both go through `store.artifacts` and
`store.reservations`.
"""

from __future__ import annotations

from datetime import timedelta

import grpc
from flyteidl.datacatalog import datacatalog_pb2 as pb
from flyteidl.datacatalog import datacatalog_pb2_grpc

from sandbox.catalog import conversions, validation
from sandbox.catalog.errors import InvalidArgument, answering
from sandbox.store import artifacts, reservations
from sandbox.store.database import Connection, Database

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["DataCatalog"].full_name


def add_to(server: grpc.Server, database: Database) -> None:
    """Serve the DataCatalog on a gRPC server."""
    datacatalog_pb2_grpc.add_DataCatalogServicer_to_server(DataCatalog(database), server)


class DataCatalog(datacatalog_pb2_grpc.DataCatalogServicer):  # type: ignore[misc]
    """The RPCs, each one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @answering
    def CreateDataset(self, request: pb.CreateDatasetRequest) -> pb.CreateDatasetResponse:
        """Register a dataset; ALREADY_EXISTS."""
        name = validation.dataset_name(request.dataset.id)
        keys = validation.unique_partition_keys(request.dataset.partitionKeys)
        described = conversions.metadata(request.dataset.metadata)
        with self._database.transaction() as connection:
            artifacts.create_dataset(connection, name, described, keys)
        return pb.CreateDatasetResponse()

    @answering
    def GetDataset(self, request: pb.GetDatasetRequest) -> pb.GetDatasetResponse:
        """One dataset; NOT_FOUND."""
        name = validation.dataset_name(request.dataset)
        with self._database.reading() as connection:
            found = artifacts.get_dataset(connection, name)
        return pb.GetDatasetResponse(dataset=conversions.dataset(found))

    @answering
    def ListDatasets(self, request: pb.ListDatasetsRequest) -> pb.ListDatasetsResponse:
        """Datasets, filtered by their own fields only."""
        where: dict[str, str] = {}
        for single in request.filter.filters:
            if single.WhichOneof("property_filter") != "dataset_filter":
                raise InvalidArgument("datasets can only be filtered by dataset properties")
            field = single.dataset_filter.WhichOneof("property")
            if field is None or field == "org":
                raise InvalidArgument("datasets can be filtered by project, domain, name and version")
            where[field] = getattr(single.dataset_filter, field)
        wanted = validation.page(request.pagination if request.HasField("pagination") else None)
        with self._database.reading() as connection:
            page = artifacts.list_datasets(connection, where, wanted)
        rows = [conversions.dataset(row) for row in page.items]
        return pb.ListDatasetsResponse(datasets=rows, next_token=page.token)

    @answering
    def CreateArtifact(self, request: pb.CreateArtifactRequest) -> pb.CreateArtifactResponse:
        """Put an artifact into a dataset; NOT_FOUND dataset, ALREADY_EXISTS."""
        name = validation.dataset_name(request.artifact.dataset)
        artifact_id = validation.present(request.artifact.id, "artifactID")
        data = conversions.data(request.artifact.data)
        with self._database.transaction() as connection:
            keys = artifacts.get_dataset(connection, name).partition_keys
            artifacts.create(
                connection,
                name,
                artifact_id,
                metadata=conversions.metadata(request.artifact.metadata),
                data=data,
                partitions=validation.partitions(keys, request.artifact.partitions),
            )
        return pb.CreateArtifactResponse()

    @answering
    def GetArtifact(self, request: pb.GetArtifactRequest) -> pb.GetArtifactResponse:
        """One artifact by id or tag; NOT_FOUND."""
        with self._database.reading() as connection:
            found = _find(connection, request)
        return pb.GetArtifactResponse(artifact=conversions.artifact(found))

    @answering
    def ListArtifacts(self, request: pb.ListArtifactsRequest) -> pb.ListArtifactsResponse:
        """The artifacts of a dataset, filtered by id, tag and partitions; NOT_FOUND dataset."""
        name = validation.dataset_name(request.dataset)
        artifact_id: str | None = None
        tag: str | None = None
        partitions: dict[str, str] = {}
        for single in request.filter.filters:
            kind = single.WhichOneof("property_filter")
            if kind == "artifact_filter":
                artifact_id = single.artifact_filter.artifact_id
            elif kind == "tag_filter":
                tag = single.tag_filter.tag_name
            elif kind == "partition_filter":
                pair = single.partition_filter.key_val
                partitions[pair.key] = pair.value
            else:
                raise InvalidArgument("artifacts can be filtered by artifact, tag and partition properties")
        wanted = validation.page(request.pagination if request.HasField("pagination") else None)
        with self._database.transaction() as connection:
            page = artifacts.list_page(
                connection, name, wanted, artifact_id=artifact_id, tag=tag, partitions=partitions
            )
        rows = [conversions.artifact(row) for row in page.items]
        return pb.ListArtifactsResponse(artifacts=rows, next_token=page.token)

    @answering
    def UpdateArtifact(self, request: pb.UpdateArtifactRequest) -> pb.UpdateArtifactResponse:
        """Replace an artifact's data and metadata; NOT_FOUND."""
        data = conversions.data(request.data)
        with self._database.transaction() as connection:
            found = _find(connection, request)
            updated = artifacts.update(connection, found, data, conversions.metadata(request.metadata))
        return pb.UpdateArtifactResponse(artifact_id=updated.artifact_id)

    @answering
    def AddTag(self, request: pb.AddTagRequest) -> pb.AddTagResponse:
        """Tag an artifact; NOT_FOUND dataset or artifact, ALREADY_EXISTS tag."""
        name = validation.dataset_name(request.tag.dataset)
        tag = validation.present(request.tag.name, "tagName")
        artifact_id = validation.present(request.tag.artifact_id, "artifactID")
        with self._database.transaction() as connection:
            artifacts.add_tag(connection, name, artifact_id, tag)
        return pb.AddTagResponse()

    @answering
    def GetOrExtendReservation(
        self, request: pb.GetOrExtendReservationRequest
    ) -> pb.GetOrExtendReservationResponse:
        """Take a reservation if it is free, expired or ours; the answer says who holds it."""
        name = validation.dataset_name(request.reservation_id.dataset_id)
        tag = validation.present(request.reservation_id.tag_name, "tagName")
        owner = validation.present(request.owner_id, "ownerID")
        heartbeat = reservations.LONGEST_HEARTBEAT
        if request.HasField("heartbeat_interval"):
            heartbeat = request.heartbeat_interval.ToTimedelta()
        if heartbeat < timedelta(0):
            raise InvalidArgument(f"invalid value for heartbeatInterval, value:[{heartbeat}]")
        with self._database.transaction() as connection:
            held = reservations.get_or_extend(connection, name, tag, owner=owner, heartbeat=heartbeat)
        return pb.GetOrExtendReservationResponse(reservation=conversions.reservation(held))

    @answering
    def ReleaseReservation(self, request: pb.ReleaseReservationRequest) -> pb.ReleaseReservationResponse:
        """Give a reservation back; nothing happens if it wasn't held."""
        name = validation.dataset_name(request.reservation_id.dataset_id)
        tag = validation.present(request.reservation_id.tag_name, "tagName")
        owner = validation.present(request.owner_id, "ownerID")
        with self._database.transaction() as connection:
            reservations.release(connection, name, tag, owner=owner)
        return pb.ReleaseReservationResponse()


def _find(
    connection: Connection, request: pb.GetArtifactRequest | pb.UpdateArtifactRequest
) -> artifacts.Artifact:
    """The artifact of a request's query handle: an id (with or without a dataset), or a tag in a dataset."""
    handle = request.WhichOneof("query_handle")
    if handle == "tag_name":
        tag = validation.present(request.tag_name, "tagName")
        return artifacts.get_by_tag(connection, validation.dataset_name(request.dataset), tag)
    if handle == "artifact_id":
        artifact_id = validation.present(request.artifact_id, "artifactID")
        dataset = validation.dataset_name(request.dataset) if request.HasField("dataset") else None
        return artifacts.get(connection, dataset, artifact_id)
    raise InvalidArgument("missing one of artifactID/tagName")
