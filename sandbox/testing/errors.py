"""What can go wrong with a sandbox in tests."""

from __future__ import annotations


class SandboxUnavailable(RuntimeError):
    """The sandbox for the tests could not be started; the message is what `sandbox start` said."""
