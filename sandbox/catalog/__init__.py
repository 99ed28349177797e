"""The data catalog: Flyte's DataCatalog gRPC service over the store's artifacts, tags and reservations."""

from __future__ import annotations
