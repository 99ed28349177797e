"""What the connector executor must be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """Where connectors are, where notes about attempts go, and how patient to be. Times are seconds."""

    endpoints: tuple[str, ...] = ()
    """`host:port`, in order of precedence where two serve one type."""
    notes_prefix: str = "s3://my-s3-bucket/metadata/connectors"
    """What a connector answered about an attempt is kept under `<prefix>/<project>/<domain>/…`."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Told to connectors as variables of every task, for those that run its command themselves."""
    look_every: float = 10.0
    """Between looks at what an endpoint serves."""
    look_timeout: float = 5.0
    create_timeout: float = 60.0
    get_timeout: float = 30.0
    delete_timeout: float = 30.0
    sync_timeout: float = 600.0
    """For a task that is carried out within one call and has no timeout of its own."""
    patience: float = 60.0
    """How long an attempt waits for a connector that does not answer, before it is lost to a system error."""
    unary_calls: int = 8
    """How many calls to one endpoint may be under way at once."""
    sync_calls: int = 16
    """How many tasks one endpoint may carry out at once within a call each."""
