"""What else the SDK can build, beside the kinds of nodes: values, structures, failures, caches."""

from __future__ import annotations
