"""What users import into their own tests."""

from __future__ import annotations
