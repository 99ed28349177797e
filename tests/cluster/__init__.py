"""Tests on a real Kubernetes."""

from __future__ import annotations
