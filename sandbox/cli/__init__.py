"""The `sandbox` command: flags in, one library call, error out. A command's path is its module's path."""

from __future__ import annotations
