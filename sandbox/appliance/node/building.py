"""The node's image on the host: there already, or built, with the builder's words on the way.

The `debian` distribution is built on a Debian image: one that is here, one that can be pulled, or else one
made by debootstrap, which needs root. Kubernetes is compiled then, once: Docker's cache keeps it, and
`sandbox images save` carries the result to other machines.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sandbox.appliance import assets
from sandbox.appliance.node.distribution import Distribution
from sandbox.appliance.node.engine import Engine, errors
from sandbox.appliance.node.errors import ImageBuildFailed, ImageUnavailable, NodeError

BASE = "flyte-sandbox/debian:bookworm"
_PULLED = ("debian:bookworm-slim", "debian:bookworm")
_PACKAGES = "ca-certificates,python3"
_ONE_LINE_EACH = (
    '/^URIs:/ { uri = $2 } /^Suites:/ { suites = $0 } '
    '/^Components:/ { n = split(suites, suite); for (i = 2; i <= n; i++) print "deb", uri, suite[i], $2 }'
)
"""awk: the sources of a registry's image, as the Dockerfile of the node reads them."""
Report = Callable[[str], None]


def is_here(engine: Engine, distribution: Distribution) -> bool:
    """Whether the node's image need not be made."""
    return engine.has_image(distribution.image)


def ensure(engine: Engine, distribution: Distribution, report: Report) -> bool:
    """Have the image. Returns whether it had to be made.

    :param report: gets a short line now and then.
    """
    if is_here(engine, distribution):
        return False
    context = assets.folder("images") / distribution.context
    if not (context / "Dockerfile").is_file():
        raise ImageBuildFailed("the node's image can't be built", f"{context} is missing", "Install again.")
    arguments = {"BASE": base_image(engine, report)} if distribution.builds_on_debian else {}
    try:
        for line in build(engine, context, tag=distribution.image, arguments=arguments):
            report(line)
    except ImageBuildFailed as exc:
        if distribution.facts.needs_registry:
            raise ImageUnavailable(
                exc.what,
                exc.cause,
                "Look whether the registry can be reached from here, bring the image with `sandbox "
                "images load`, "
                "or use `--distribution debian`, which needs no registry.",
            ) from exc
        raise
    return True


def build(
    engine: Engine, context: Path, *, tag: str, arguments: dict[str, str], dockerfile: str = "Dockerfile"
) -> Iterator[str]:
    """Build an image on the host; yields the steps as Docker tells them. Raises ImageBuildFailed."""
    what, printed, failure = f"the image {tag} can't be built", [""], ""
    with errors(what):
        lines = engine.api.build(
            path=str(context),
            dockerfile=dockerfile,
            tag=tag,
            buildargs=arguments,
            rm=True,
            forcerm=True,
            decode=True,
        )
        for line in lines:
            failure = str(line.get("error") or failure)
            for text in str(line.get("stream") or "").splitlines():
                printed = [*printed[-30:], text]
                if text.startswith("Step "):
                    yield text
    if failure:
        cause = "\n".join([*printed[-15:], failure]).strip()
        raise ImageBuildFailed(what, cause, "Mend what it says, and start again: finished steps are kept.")


def base_image(engine: Engine, report: Report) -> str:
    """A Debian image that the node's can be built on. Raises ImageUnavailable."""
    if engine.has_image(BASE):
        return BASE
    for reference in _PULLED:
        if engine.has_image(reference) or _was_pulled(engine, reference, report):
            _derive(engine, reference, report)
            return BASE
    _bootstrap(engine, report)
    return BASE


def _was_pulled(engine: Engine, reference: str, report: Report) -> bool:
    report(f"pulling {reference}")
    try:
        for _ in engine.pull(reference):
            pass
    except ImageUnavailable:
        return False
    return True


def _derive(engine: Engine, reference: str, report: Report) -> None:
    """Make the Debian image from one of a registry, which has its package sources in another file."""
    folder_of_sources = "/etc/apt/sources.list.d"
    commands = (
        f"awk '{_ONE_LINE_EACH}' {folder_of_sources}/*.sources > /etc/apt/sources.list"
        f" && rm -f {folder_of_sources}/*"
    )
    with tempfile.TemporaryDirectory(prefix="flyte-sandbox-debian-") as folder:
        (Path(folder) / "Dockerfile").write_text(f"FROM {reference}\nRUN {commands}\n")
        for line in build(engine, Path(folder), tag=BASE, arguments={}):
            report(line)


def _bootstrap(engine: Engine, report: Report) -> None:
    """Make the Debian image from its archive."""
    program = shutil.which("debootstrap", path="/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""))
    if program is None or os.geteuid() != 0:
        raise ImageUnavailable(
            "there is no Debian image to build the node on",
            f"none of {', '.join(_PULLED)} is here or can be pulled, and debootstrap "
            + ("needs root" if program else "is not installed"),
            "Once, as root: `apt install debootstrap`, then start again; or bring the finished image "
            "from another "
            "machine: `sandbox images save` there, `sandbox images load` here.",
        )
    report("making a Debian image with debootstrap")
    with tempfile.TemporaryDirectory(prefix="flyte-sandbox-debian-") as folder:
        root = Path(folder) / "root"
        command = [program, "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root)]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode != 0:
            cause = "\n".join((made.stdout + made.stderr).strip().splitlines()[-10:])
            raise ImageUnavailable(
                "debootstrap failed", cause, "Look whether Debian's archive can be reached."
            )
        for kept in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(root / kept, ignore_errors=True)
        _import(engine, root)


def _import(engine: Engine, root: Path) -> None:
    repository, _, tag = BASE.partition(":")
    packing = subprocess.Popen(["tar", "--numeric-owner", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
    with packing, errors("the Debian image can't be imported"):
        engine.api.import_image_from_stream(packing.stdout, repository=repository, tag=tag)
    if packing.returncode != 0:
        raise NodeError(
            "the Debian image can't be packed", f"tar ended with {packing.returncode}", "Look for room."
        )
