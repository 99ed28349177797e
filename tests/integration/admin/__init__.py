"""The admin services over gRPC, on a real Postgres."""

from __future__ import annotations
