"""The cases: a module for every row of the table, and at least one case for every cell that makes sense."""

from __future__ import annotations
