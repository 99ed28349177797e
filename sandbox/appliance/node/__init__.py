"""The node: a Kubernetes cluster in one Docker container, whatever distribution it is of."""

from __future__ import annotations
