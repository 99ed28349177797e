"""The command line: flags in, one library call, error out."""

from __future__ import annotations
