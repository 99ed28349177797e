"""Everything HTTP: pages at Flyte's own URLs, drawn on the server; a client of admin over gRPC."""

from __future__ import annotations
