"""Everything HTTP: pages for people; a client of admin over gRPC."""

from __future__ import annotations
