"""One module a migration. The newest number is `store.migrate.HEAD`."""

from __future__ import annotations
