"""The pages: each function takes a request and returns a response; routes stand in `sandbox.console.routes`."""

from __future__ import annotations
