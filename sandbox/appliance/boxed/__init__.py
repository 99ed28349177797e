"""The profiles in a box: a sandbox that is a Kubernetes node in one Docker container (`demo`, `sandbox`)."""

from __future__ import annotations
