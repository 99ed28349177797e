"""The boot of a sandbox in a container, one module a step; see `sandbox.appliance.sequence`."""

from __future__ import annotations
