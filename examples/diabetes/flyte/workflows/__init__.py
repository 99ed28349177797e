"""Workflows of the diabetes example; `pyflyte --pkgs flyte.workflows` finds them here."""
