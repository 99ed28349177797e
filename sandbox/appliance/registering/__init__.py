"""What `sandbox register files` works on: packages as pyflyte writes them, and the specs inside."""

from __future__ import annotations
