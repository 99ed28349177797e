"""The control plane's configuration file."""

from __future__ import annotations

import json
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
