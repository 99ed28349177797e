"""The diabetes example: a Flyte project."""
