"""Typed, pure helpers over the flyteidl protobufs: identifiers, literals, types, interfaces, hashes."""

from __future__ import annotations
