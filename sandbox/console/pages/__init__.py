"""The pages: each function takes a request and returns a response; the routes stand beside."""

from __future__ import annotations
