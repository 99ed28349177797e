"""Values: files and flags over defaults, and mistakes told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sandbox.appliance.manifests import reading
from sandbox.appliance.manifests.errors import ValuesInvalid


def test_flags_win_over_files_and_files_over_defaults(tmp_path: Path) -> None:
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text("postgres: {size: 7Gi, user: one}\nnamespace: one")
    second.write_text("postgres: {user: two}")
    values = reading.values("sandbox", files=[first, second], flags=["namespace=three"])
    assert (values.postgres.size, values.postgres.user, values.namespace) == ("7Gi", "two", "three")
    assert values.postgres.database == "flyte"


def test_what_is_not_said_of_a_component_stays_as_it_is_for_that_component() -> None:
    before = reading.values("sandbox")
    after = reading.values("sandbox", flags=["flyteadmin={replicas: 2}", "postgres.resources.limits.cpu=1"])
    assert after.flyteadmin.replicas == 2
    assert after.flyteadmin.resources == before.flyteadmin.resources != before.datacatalog.resources
    assert after.postgres.resources.limits.memory == before.postgres.resources.limits.memory


def test_a_flag_means_what_its_field_is() -> None:
    values = reading.values(
        "sandbox",
        flags=[
            "postgres.password=007",
            "flytepropeller.replicas=3",
            "dashboard.enabled=true",
            "connectors=[a:1, b:2]",
            "tasks.env.WORD=true",
            "flyteadmin.resources.limits={cpu: 2, memory: 1Gi}",
            "objectStore.secretKey=a=b: {c",
        ],
    )
    assert values.postgres.password == "007"
    assert values.flytepropeller.replicas == 3
    assert values.dashboard.enabled is True
    assert values.connectors == ("a:1", "b:2")
    assert values.tasks.env == {"WORD": "true"}
    assert values.flyteadmin.resources.limits.cpu == "2"
    assert values.object_store.secret_key == "a=b: {c"


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("postgress.size=1Gi", "'postgres'"),
        ("postgres.sise=1Gi", "'postgres.size'"),
        ("flyteadmin.replicas=many", "a whole number"),
        ("flyteadmin.replicas=true", "a whole number"),
        ("dashboard.enabled=1", "true or false"),
        ("connectors=a:1", "a list"),
        ("postgres=5", "a map"),
        ("expose.type=Anything", "NodePort"),
        ("postgres.external=true", "postgres.host"),
        ("objectStore.external=true", "objectStore.endpoint"),
        ("migrations=never", "init or job"),
        ("profile=demo", "--profile"),
        ("nonsense", "NAME.NAME=VALUE"),
        ("a..b=1", "NAME.NAME=VALUE"),
    ],
)
def test_what_makes_no_sense_is_refused_and_the_answer_helps(flag: str, told: str) -> None:
    with pytest.raises(ValuesInvalid) as caught:
        reading.values("sandbox", flags=[flag])
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just words"])
def test_a_file_that_holds_no_map_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(text)
    with pytest.raises(ValuesInvalid):
        reading.values("sandbox", files=[path])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValuesInvalid, match=r"nowhere\.yaml"):
        reading.values("sandbox", files=[tmp_path / "nowhere.yaml"])


def test_all_values_written_down_are_the_same_values_when_read(tmp_path: Path) -> None:
    values = reading.values("sandbox", distribution="debian", flags=["namespace=elsewhere"])
    path = tmp_path / "values.yaml"
    path.write_text(reading.to_yaml(values))
    assert yaml.safe_load(path.read_text())["objectStore"]["bucket"] == "my-s3-bucket"
    assert reading.values("sandbox", files=[path]) == values


def test_a_cluster_needs_to_know_where_people_reach_the_object_store() -> None:
    with pytest.raises(ValuesInvalid, match="object store"):
        reading.values("cluster")
    values = reading.values("cluster", flags=["objectStore={external: true, endpoint: https://s3.example}"])
    assert values.public_endpoint == values.endpoint == "https://s3.example"


def test_a_password_is_quoted_in_the_databases_url() -> None:
    values = reading.values("sandbox", flags=["postgres.password=p@ss/w:rd", "postgres.sslMode=require"])
    assert values.database_url == "postgresql://postgres:p%40ss%2Fw%3Ard@postgres:5432/flyte?sslmode=require"


def test_our_own_images_come_from_the_repository_that_was_named_and_others_from_theirs() -> None:
    values = reading.values("sandbox", flags=["images.repository=registry.example/team/"])
    assert values.image(values.images.control_plane).startswith("registry.example/team/control-plane:")
    assert values.image("postgres:16") == "postgres:16"
