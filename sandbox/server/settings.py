"""From the server's configuration to the settings of each room. Pure, but for opening the object store."""

from __future__ import annotations

from pathlib import Path

import sandbox
from sandbox.admin.settings import AdminSettings
from sandbox.propeller.settings import EngineSettings, OffloadingSettings
from sandbox.server.config import ServerConfig
from sandbox.store.objects import DirectoryObjectStore, ObjectStore, S3ObjectStore, S3Settings


def s3(config: ServerConfig, endpoint: str) -> S3Settings:
    """The object store, reached by one of its endpoints."""
    return S3Settings(
        endpoint=endpoint,
        access_key=config.objects.access_key,
        secret_key=config.objects.secret_key,
        region=config.objects.region,
    )


def object_store(config: ServerConfig) -> ObjectStore:
    """How the control plane itself reads and writes: the store's directory where it lies on this machine,
    else S3."""
    if config.objects.directory is not None:
        return DirectoryObjectStore(Path(config.objects.directory), sidecars=False)
    return S3ObjectStore(s3(config, config.objects.endpoint))


def engine(config: ServerConfig, instance: str = "") -> EngineSettings:
    """What the engine is told. `instance`: its name in leases, the sandbox's own if there is but one."""
    plain = EngineSettings()
    kubernetes = config.kubernetes
    return EngineSettings(
        owner=instance or config.name,
        metadata_prefix=config.metadata_prefix,
        raw_data_prefix=config.raw_data_prefix,
        offloading=OffloadingSettings(bool(config.offload_from), config.offload_from),
        lease_seconds=kubernetes.lease_seconds if kubernetes else plain.lease_seconds,
        heartbeat_seconds=kubernetes.heartbeat_seconds if kubernetes else plain.heartbeat_seconds,
        default_requests=kubernetes.pods.default_requests if kubernetes else plain.default_requests,
        counts_quotas=kubernetes is None,
    )


def admin(config: ServerConfig) -> AdminSettings:
    """What admin's services are told."""
    return AdminSettings(
        version=sandbox.__version__,
        metadata_prefix=config.metadata_prefix,
        upload_prefix=f"s3://{config.objects.bucket}",
        max_message_size=config.max_message_size,
    )
