"""The engine's pure state machine: events in, commands out."""

from __future__ import annotations
