"""The DataCatalog service over gRPC and a real database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest
from flyteidl.core import literals_pb2
from flyteidl.datacatalog import datacatalog_pb2 as pb
from flyteidl.datacatalog import datacatalog_pb2_grpc

from sandbox.catalog import service
from sandbox.store import artifacts, listing
from sandbox.store.database import Database, DatabaseSettings
from tests.integration import servers

_DATASET = {"project": "flytesnacks", "domain": "development", "name": "flyte_task-t", "version": "1.0-a-b"}


def _serve(database: Database) -> Iterator[datacatalog_pb2_grpc.DataCatalogStub]:
    server = grpc.server(ThreadPoolExecutor(4))
    service.add_to(server, database)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield datacatalog_pb2_grpc.DataCatalogStub(channel)
    server.stop(None).wait()


@pytest.fixture
def catalog(database: Database) -> Iterator[datacatalog_pb2_grpc.DataCatalogStub]:
    yield from _serve(database)


def _integer(value: int) -> literals_pb2.Literal:
    primitive = literals_pb2.Primitive(integer=value)
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))


def _dataset(*keys: str, **fields: str) -> pb.Dataset:
    metadata = pb.Metadata(key_map={"task-version": "v1"})
    return pb.Dataset(id=pb.DatasetID(**{**_DATASET, **fields}), metadata=metadata, partitionKeys=keys)


def _artifact(artifact_id: str = "a1", value: int = 1, **partitions: str) -> pb.Artifact:
    return pb.Artifact(
        id=artifact_id,
        dataset=pb.DatasetID(**_DATASET),
        data=[pb.ArtifactData(name="o0", value=_integer(value))],
        metadata=pb.Metadata(key_map={"execution-name": "e"}),
        partitions=[pb.Partition(key=key, value=text) for key, text in partitions.items()],
    )


def _tag(name: str, artifact_id: str = "a1") -> pb.Tag:
    return pb.Tag(name=name, artifact_id=artifact_id, dataset=pb.DatasetID(**_DATASET))


def _by_tag(name: str) -> pb.GetArtifactRequest:
    return pb.GetArtifactRequest(dataset=pb.DatasetID(**_DATASET), tag_name=name)


def _code(call: object, request: object) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as refused:
        call(request)  # type: ignore[operator]
    code: grpc.StatusCode = refused.value.code()
    assert refused.value.details()
    return code


def test_a_cached_output_goes_in_and_comes_out_as_propeller_does_it(
    catalog: datacatalog_pb2_grpc.DataCatalogStub,
) -> None:
    assert _code(catalog.GetArtifact, _by_tag("flyte_cached-x")) == grpc.StatusCode.NOT_FOUND
    catalog.CreateDataset(pb.CreateDatasetRequest(dataset=_dataset()))
    catalog.CreateArtifact(pb.CreateArtifactRequest(artifact=_artifact()))
    catalog.AddTag(pb.AddTagRequest(tag=_tag("flyte_cached-x")))
    found = catalog.GetArtifact(_by_tag("flyte_cached-x")).artifact
    assert found.id == "a1"
    assert found.data[0].name == "o0"
    assert found.data[0].value == _integer(1)
    assert found.metadata.key_map["execution-name"] == "e"
    assert [tag.name for tag in found.tags] == ["flyte_cached-x"]
    assert found.created_at.seconds > 0
    dataset = catalog.GetDataset(pb.GetDatasetRequest(dataset=pb.DatasetID(**_DATASET))).dataset
    assert dataset == _dataset()


def test_what_exists_already_is_not_made_twice(catalog: datacatalog_pb2_grpc.DataCatalogStub) -> None:
    missing = pb.CreateArtifactRequest(artifact=_artifact())
    assert _code(catalog.CreateArtifact, missing) == grpc.StatusCode.NOT_FOUND
    create = pb.CreateDatasetRequest(dataset=_dataset())
    catalog.CreateDataset(create)
    assert _code(catalog.CreateDataset, create) == grpc.StatusCode.ALREADY_EXISTS
    assert _code(catalog.AddTag, pb.AddTagRequest(tag=_tag("t"))) == grpc.StatusCode.NOT_FOUND
    catalog.CreateArtifact(missing)
    assert _code(catalog.CreateArtifact, missing) == grpc.StatusCode.ALREADY_EXISTS
    catalog.AddTag(pb.AddTagRequest(tag=_tag("t")))
    assert _code(catalog.AddTag, pb.AddTagRequest(tag=_tag("t"))) == grpc.StatusCode.ALREADY_EXISTS


def test_requests_that_lack_something_are_refused(catalog: datacatalog_pb2_grpc.DataCatalogStub) -> None:
    catalog.CreateDataset(pb.CreateDatasetRequest(dataset=_dataset("day")))
    no_data = _artifact(day="1")
    del no_data.data[:]
    requests = [
        (catalog.CreateDataset, pb.CreateDatasetRequest()),
        (catalog.CreateDataset, pb.CreateDatasetRequest(dataset=_dataset(version=""))),
        (catalog.CreateDataset, pb.CreateDatasetRequest(dataset=_dataset("k", "k", name="n"))),
        (catalog.GetDataset, pb.GetDatasetRequest()),
        (catalog.GetArtifact, pb.GetArtifactRequest(dataset=pb.DatasetID(**_DATASET))),
        (catalog.GetArtifact, _by_tag("")),
        (catalog.CreateArtifact, pb.CreateArtifactRequest(artifact=no_data)),
        (catalog.CreateArtifact, pb.CreateArtifactRequest(artifact=_artifact(artifact_id="", day="1"))),
        (catalog.CreateArtifact, pb.CreateArtifactRequest(artifact=_artifact())),
        (catalog.CreateArtifact, pb.CreateArtifactRequest(artifact=_artifact(night="1"))),
        (catalog.CreateArtifact, pb.CreateArtifactRequest(artifact=_artifact(day=""))),
        (catalog.AddTag, pb.AddTagRequest(tag=_tag(""))),
        (catalog.UpdateArtifact, pb.UpdateArtifactRequest(artifact_id="a1")),
        (catalog.GetOrExtendReservation, pb.GetOrExtendReservationRequest(owner_id="me")),
        (catalog.ListArtifacts, pb.ListArtifactsRequest()),
        (catalog.GetDataset, pb.GetDatasetRequest(dataset=_dataset(name="a\0b").id)),
    ]
    for call, request in requests:
        assert _code(call, request) == grpc.StatusCode.INVALID_ARGUMENT, request


def test_an_update_replaces_the_data(catalog: datacatalog_pb2_grpc.DataCatalogStub) -> None:
    catalog.CreateDataset(pb.CreateDatasetRequest(dataset=_dataset()))
    catalog.CreateArtifact(pb.CreateArtifactRequest(artifact=_artifact()))
    catalog.AddTag(pb.AddTagRequest(tag=_tag("t")))
    update = pb.UpdateArtifactRequest(
        dataset=pb.DatasetID(**_DATASET),
        tag_name="t",
        data=[pb.ArtifactData(name="o1", value=_integer(2))],
        metadata=pb.Metadata(key_map={"execution-name": "f"}),
    )
    assert catalog.UpdateArtifact(update).artifact_id == "a1"
    by_id = catalog.GetArtifact(pb.GetArtifactRequest(artifact_id="a1")).artifact
    assert [(entry.name, entry.value) for entry in by_id.data] == [("o1", _integer(2))]
    assert by_id.metadata.key_map["execution-name"] == "f"
    update.tag_name = "other"
    assert _code(catalog.UpdateArtifact, update) == grpc.StatusCode.NOT_FOUND


def test_lists_are_filtered_and_paged(catalog: datacatalog_pb2_grpc.DataCatalogStub) -> None:
    catalog.CreateDataset(pb.CreateDatasetRequest(dataset=_dataset("day")))
    catalog.CreateDataset(pb.CreateDatasetRequest(dataset=_dataset(name="other")))
    for number in range(3):
        artifact = _artifact(f"a{number}", day=str(number % 2))
        catalog.CreateArtifact(pb.CreateArtifactRequest(artifact=artifact))
    catalog.AddTag(pb.AddTagRequest(tag=_tag("t", "a2")))

    def artifacts_by(filters: list[pb.SinglePropertyFilter], **page: object) -> tuple[list[str], str]:
        request = pb.ListArtifactsRequest(
            dataset=pb.DatasetID(**_DATASET),
            filter=pb.FilterExpression(filters=filters),
            pagination=pb.PaginationOptions(**page),  # type: ignore[arg-type]
        )
        answer = catalog.ListArtifacts(request)
        return [artifact.id for artifact in answer.artifacts], answer.next_token

    day = pb.PartitionPropertyFilter(key_val=pb.KeyValuePair(key="day", value="0"))
    by_day = pb.SinglePropertyFilter(partition_filter=day)
    by_tag = pb.SinglePropertyFilter(tag_filter=pb.TagPropertyFilter(tag_name="t"))
    by_id = pb.SinglePropertyFilter(artifact_filter=pb.ArtifactPropertyFilter(artifact_id="a1"))
    assert artifacts_by([]) == (["a2", "a1", "a0"], "")
    assert artifacts_by([by_day], sortOrder=pb.PaginationOptions.ASCENDING) == (["a0", "a2"], "")
    assert artifacts_by([by_tag, by_day]) == (["a2"], "")
    assert artifacts_by([by_tag, by_id]) == ([], "")
    assert artifacts_by([], limit=2) == (["a2", "a1"], "2")
    assert artifacts_by([], limit=2, token="2") == (["a0"], "")
    by_name = pb.SinglePropertyFilter(dataset_filter=pb.DatasetPropertyFilter(name="other"))
    listed = catalog.ListDatasets(pb.ListDatasetsRequest(filter=pb.FilterExpression(filters=[by_name])))
    assert [dataset.id.name for dataset in listed.datasets] == ["other"]
    wrong = pb.ListDatasetsRequest(filter=pb.FilterExpression(filters=[by_tag]))
    assert _code(catalog.ListDatasets, wrong) == grpc.StatusCode.INVALID_ARGUMENT


def _reserve(owner: str, milliseconds: int = 10_000) -> pb.GetOrExtendReservationRequest:
    request = pb.GetOrExtendReservationRequest(
        reservation_id=pb.ReservationID(dataset_id=pb.DatasetID(**_DATASET), tag_name="t"), owner_id=owner
    )
    request.heartbeat_interval.FromMilliseconds(milliseconds)
    return request


def test_a_reservation_is_held_by_one_owner_until_it_is_released(
    catalog: datacatalog_pb2_grpc.DataCatalogStub,
) -> None:
    held = catalog.GetOrExtendReservation(_reserve("one", 60_000)).reservation
    assert held.owner_id == "one"
    assert held.heartbeat_interval.ToTimedelta() == timedelta(seconds=10)
    assert catalog.GetOrExtendReservation(_reserve("two")).reservation.owner_id == "one"
    extended = catalog.GetOrExtendReservation(_reserve("one")).reservation
    assert extended.expires_at.ToNanoseconds() > held.expires_at.ToNanoseconds()
    release = pb.ReleaseReservationRequest(reservation_id=held.reservation_id, owner_id="two")
    catalog.ReleaseReservation(release)
    assert catalog.GetOrExtendReservation(_reserve("two")).reservation.owner_id == "one"
    release.owner_id = "one"
    catalog.ReleaseReservation(release)
    catalog.ReleaseReservation(release)
    assert catalog.GetOrExtendReservation(_reserve("two")).reservation.owner_id == "two"


def test_a_reservation_whose_heartbeat_stopped_is_free(
    catalog: datacatalog_pb2_grpc.DataCatalogStub,
) -> None:
    catalog.GetOrExtendReservation(_reserve("one", 0))
    assert catalog.GetOrExtendReservation(_reserve("two")).reservation.owner_id == "two"


def test_of_many_who_reserve_at_once_one_wins(catalog: datacatalog_pb2_grpc.DataCatalogStub) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: catalog.GetOrExtendReservation(_reserve(f"o{n}")), range(24))
        owners = {answer.reservation.owner_id for answer in answers}
    assert len(owners) == 1


def test_memoization_and_the_service_see_the_same_artifacts(
    catalog: datacatalog_pb2_grpc.DataCatalogStub, database: Database
) -> None:
    name = artifacts.DatasetName(**_DATASET)
    with database.transaction() as connection:
        assert artifacts.lookup(connection, name, "t") is None
        outputs = literals_pb2.LiteralMap(literals={"o0": _integer(7)})
        recorded = artifacts.record(connection, name, "t", outputs, {"execution-name": "e"})
        assert artifacts.lookup(connection, name, "t") == recorded
        assert recorded.literals() == outputs
        assert recorded.source() == {"execution-name": "e"}
        assert recorded.tags == ("t",)
        other = literals_pb2.LiteralMap(literals={"o0": _integer(8)})
        assert artifacts.record(connection, name, "t", other, {}).literals() == outputs
        overwritten = artifacts.record(connection, name, "t", other, {}, overwrite=True)
        assert overwritten.literals() == other
        assert overwritten.artifact_id == recorded.artifact_id
        assert artifacts.lookup(connection, artifacts.DatasetName("flytesnacks", "d", "n", "v"), "t") is None
    assert catalog.GetArtifact(_by_tag("t")).artifact.data[0].value == _integer(8)


def test_recording_at_once_keeps_one_artifact(database: Database) -> None:
    name = artifacts.DatasetName(**_DATASET)
    barrier = threading.Barrier(4)
    with database.transaction() as connection:
        artifacts.create_dataset(connection, name, b"")

    def record(value: int) -> str:
        with database.transaction() as connection:
            assert artifacts.lookup(connection, name, "t") is None
            barrier.wait()
            outputs = literals_pb2.LiteralMap(literals={"o0": _integer(value)})
            return artifacts.record(connection, name, "t", outputs, {}).artifact_id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(record, range(4)))) == 1
    with database.transaction() as connection:
        assert len(artifacts.list_page(connection, name, listing.Listing()).items) == 1


def test_an_unreachable_database_is_unavailable_not_unknown() -> None:
    database = Database(DatabaseSettings(f"postgresql://postgres@127.0.0.1:{servers.free_port()}/x"))
    for catalog in _serve(database):
        assert _code(catalog.GetArtifact, _by_tag("t")) == grpc.StatusCode.UNAVAILABLE


def test_a_bug_is_internal_and_has_a_reference(caplog: pytest.LogCaptureFixture) -> None:
    for catalog in _serve(None):  # type: ignore[arg-type]
        with pytest.raises(grpc.RpcError, match="reference") as failed:
            catalog.GetArtifact(_by_tag("t"))
        assert failed.value.code() == grpc.StatusCode.INTERNAL
    assert "reference" in caplog.text
