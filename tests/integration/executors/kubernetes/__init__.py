"""The Kubernetes executor against HTTP that says what an API server says."""

from __future__ import annotations
