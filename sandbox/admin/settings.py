"""What the admin services need to know about the installation they serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Domain:
    """A place within every project where things are registered and run: development, staging, production."""

    id: str
    name: str
    """As people read it."""


DEFAULT_DOMAINS = (
    Domain("development", "Development"),
    Domain("staging", "Staging"),
    Domain("production", "Production"),
)


@dataclass(frozen=True, slots=True)
class PlatformResources:
    """Kubernetes quantities: what a task gets that asks for none, and the most it may ask for. "" is none."""

    default_cpu: str = "500m"
    default_memory: str = "1Gi"
    limit_cpu: str = ""
    limit_memory: str = ""


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """Settings of the admin services."""

    version: str
    """What GetVersion answers: the appliance's own version."""
    build: str = ""
    """A source revision, for people; "" where it isn't known."""
    domains: tuple[Domain, ...] = DEFAULT_DOMAINS
    metadata_prefix: str = "s3://my-s3-bucket/metadata"
    """Where admin and the engine keep literals; no trailing slash."""
    upload_prefix: str = "s3://my-s3-bucket"
    """Where clients' uploads go: `<upload_prefix>/<project>/<domain>/…`; no trailing slash."""
    max_message_size: int = 16 * MEBIBYTE
    """Bytes: the largest request that is accepted. flytekit uploads anything bigger through signed URLs."""
    max_url_lifetime: timedelta = timedelta(hours=1)
    """The longest that a signed URL may live, and how long it lives when the client doesn't say."""
    max_parallelism: int = 25
    """How many task and launch-plan nodes of one execution run at once when nobody says; 0 is no limit."""
    max_workflow_nodes: int = 10_000
    """Flyte's default is 100; here a workflow may be as large as the engine's budgets are measured for."""
    max_label_entries: int = 16
    """Labels and annotations of one execution; 0 is no limit."""
    workflow_cache_size: int = 8 * MEBIBYTE
    """Bytes, serialised, of compiled workflows that are kept in memory; they never change once registered."""
    launchable_cache_size: int = MEBIBYTE
    """Bytes, serialised, of launch plans that are kept in memory."""
    resources: PlatformResources = field(default_factory=PlatformResources)

    def domain_name(self, domain_id: str) -> str | None:
        """The readable name of a domain, or None if there is no such domain."""
        return next((domain.name for domain in self.domains if domain.id == domain_id), None)
