"""Where an S3 endpoint is and who we are to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class S3Settings:
    """An endpoint as seen from one side: there are two of the same store, for tasks and for the host."""

    endpoint: str
    """`http://host:port` or `https://host[:port]`, without a path."""
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    """Given, so that nothing needs to be asked before signing."""
    timeout: float = 30.0
    """Seconds for one request."""
