"""The Flyte sandbox appliance: a complete Flyte 1.x backend on one machine.

This module stays empty but for the version: the supervisor imports it and must stay small.
"""

from __future__ import annotations

__version__ = "0.1.0"
