"""The control plane's configuration file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.server import config
from sandbox.server.config import (
    ConfigError,
    DatabaseConfig,
    EdgeConfig,
    ObjectsConfig,
    ServerConfig,
    TasksConfig,
)
from sandbox.server.kubernetes_config import ClusterResourcesConfig, KubernetesConfig, PodsConfig

_CONFIG = ServerConfig(
    name="one",
    run="/state/run",
    edge=EdgeConfig(host="127.0.0.1", port=30080),
    database=DatabaseConfig(url="postgresql://postgres@/flyte?host=/state/socket&port=30001", pool_size=3),
    objects=ObjectsConfig(
        bucket="bucket",
        endpoint="http://127.0.0.1:30002",
        public_endpoint="http://localhost:30002",
        access_key="a",
        secret_key="s",
        region="us-east-1",
        directory="/state/objects",
    ),
    tasks=TasksConfig(root="/state/tasks", images="/state/images", env={"A": "1"}, slots=4),
    metadata_prefix="s3://bucket/metadata",
    raw_data_prefix="s3://bucket/data",
    system_project="system",
    drain_timeout=1.5,
)


def test_a_configuration_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps({"server": _CONFIG.to_json()}))
    assert config.read(path) == _CONFIG


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*sandbox\.json.*sandbox start"):
        config.read(tmp_path / "sandbox.json")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"server": []}', '{"server": {}}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(text)
    with pytest.raises(ConfigError):
        config.read(path)


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ConfigError, match="colour"):
        ServerConfig.from_json({**_CONFIG.to_json(), "colour": "red"})


_IN_A_CLUSTER = replace(
    _CONFIG,
    tasks=None,
    database=DatabaseConfig(),
    objects=replace(_CONFIG.objects, access_key="", secret_key="", directory=None),
    kubernetes=KubernetesConfig(
        namespace="m-flyte",
        pods=PodsConfig(env={"A": "1"}, tolerations=[{"key": "gpu"}]),
        cluster_resources=ClusterResourcesConfig(domain_defaults={"production": {"projectQuotaCpu": "8"}}),
    ),
)
_CREDENTIALS = {
    "database-url": "postgresql://flyte:secret@postgres/flyte",
    "s3-access-key": "key",
    "s3-secret-key": "more secret",
}


def _written(folder: Path, config_: ServerConfig) -> Path:
    path = folder / "sandbox.json"
    path.write_text(json.dumps({"server": config_.to_json()}))
    return path


def _credentials(folder: Path, **without: str) -> Path:
    directory = folder / "credentials"
    directory.mkdir()
    for name, value in _CREDENTIALS.items():
        if name not in without.values():
            (directory / name).write_text(value + "\n")
    return directory


def test_credentials_come_from_files_of_their_own(tmp_path: Path) -> None:
    found = config.read(_written(tmp_path, _IN_A_CLUSTER), _credentials(tmp_path))
    assert found.kubernetes == _IN_A_CLUSTER.kubernetes
    assert found.tasks is None
    assert found.database.url == "postgresql://flyte:secret@postgres/flyte"
    assert (found.objects.access_key, found.objects.secret_key) == ("key", "more secret")


def test_credentials_take_the_place_of_what_the_document_says(tmp_path: Path) -> None:
    found = config.read(_written(tmp_path, _CONFIG), _credentials(tmp_path, but="database-url"))
    assert found.database.url == _CONFIG.database.url
    assert found.objects.access_key == "key"


@pytest.mark.parametrize("name", sorted(_CREDENTIALS))
def test_a_missing_credential_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"\({name}\) is not in .* nor in "):
        config.read(_written(tmp_path, _IN_A_CLUSTER), _credentials(tmp_path, but=name))
    with pytest.raises(ConfigError, match="no directory of credentials"):
        config.read(_written(tmp_path, _IN_A_CLUSTER))


def test_a_configuration_says_where_tasks_run(tmp_path: Path) -> None:
    for wrong in (replace(_CONFIG, tasks=None), replace(_CONFIG, kubernetes=KubernetesConfig())):
        with pytest.raises(ConfigError, match="one of `tasks` and `kubernetes`"):
            config.read(_written(tmp_path, wrong))


def test_an_unknown_field_of_the_cluster_is_named() -> None:
    with pytest.raises(ConfigError, match="namespaces"):
        ServerConfig.from_json({**_IN_A_CLUSTER.to_json(), "kubernetes": {"namespaces": "flyte"}})
    with pytest.raises(ConfigError, match="colour"):
        ServerConfig.from_json({**_IN_A_CLUSTER.to_json(), "kubernetes": {"pods": {"colour": "red"}}})


def test_people_reach_the_edge_at_its_own_port_unless_told_otherwise() -> None:
    assert _CONFIG.edge.address == "localhost:30080"
    assert replace(_CONFIG.edge, port=8088, public="localhost:31000").address == "localhost:31000"
