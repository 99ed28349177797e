"""What the engine must be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OffloadingSettings:
    """Whether, and from which size on, literals are kept in files of their own (`propeller.offloading`).

    Flyte's `literal-offloading-config`, with Flyte's defaults.
    """

    enabled: bool = False
    min_mebibytes: int = 10
    """From this size on."""
    max_mebibytes: int = 1000
    """Below this size: a larger literal is a failure."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Who the engine is, where data goes, and how it shares the machine."""

    owner: str = "propeller"
    """Its name in leases. Stable across restarts, so that a restarted engine takes its executions back at
    once; different for each replica.
    """
    metadata_prefix: str = "s3://my-s3-bucket/metadata"
    """Inputs and outputs of nodes go under `<prefix>/propeller/…`."""
    raw_data_prefix: str = "s3://my-s3-bucket/data"
    """Where tasks put files and tables, unless the execution says otherwise."""
    max_parallelism: int = 25
    """Task and launch-plan nodes of one execution under way at once, unless it says otherwise; 0: no limit.
    """
    max_system_failures: int = 3
    """How many attempts of a node may be lost to system errors."""
    retry_seconds: float = 0.5
    """The pause after a node's first system error; after each further one twice as long. 0: none."""
    max_executions: int = 10_000
    """How many executions to hold in memory."""
    lease_seconds: float = 30.0
    """How long an engine that is no longer heard of keeps its executions."""
    heartbeat_seconds: float = 5.0
    """Between renewals of leases, and between looks for what a lost notification would have told."""
    io_threads: int = 4
    """Threads for what may take long: the catalog, child executions, and (see `inline_objects`) objects."""
    inline_objects: bool | None = None
    """Whether an object costs so little (a local directory) that the core thread reads and writes it itself.
    None: if the object store is a directory."""
    literal_cache_bytes: int = 16 * 1024 * 1024
    """How much of inputs and outputs to keep in memory, in serialised bytes."""
    default_requests: Mapping[str, str] = field(default_factory=dict)
    """Resources that a task gets when it asks for none: `{"cpu": "500m", "memory": "1Gi"}`."""
    default_env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of every task."""
    counts_quotas: bool = True
    """Whether the engine itself holds attempts back for their project's quota. Several engines on one
    database know nothing of each other's attempts: there the cluster has to count.
    """
    max_output_bytes: int = 10 * 1024 * 1024
    """The largest outputs.pb that is taken; Flyte's default."""
    offloading: OffloadingSettings = OffloadingSettings()
    """Whether large literals are kept in files of their own."""
    sweep_delay_seconds: float = 5.0
    """How long after its start the engine looks for what executors keep of executions that are over."""
    shutdown_seconds: float = 10.0
    """How long `stop` waits for the threads."""
