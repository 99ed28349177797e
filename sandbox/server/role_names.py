"""The roles that a process of the control plane can have."""

from __future__ import annotations

ALL = "all"
MIGRATE = "migrate"
ROLES = (
    ALL,
    "admin",
    "propeller",
    "datacatalog",
    "console",
    "scheduler",
    "webhook",
    "syncresources",
    MIGRATE,
)
