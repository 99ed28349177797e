"""Which Python runs an image: `<state>/images/<quoted tag>/environment.json`."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

DEFAULT_TAG = "default"
"""The environment of the project that the sandbox was started with."""
CANARY_TAG = "sandbox-canary"
"""The control plane's own Python."""
FILE = "environment.json"


class NoEnvironmentError(LookupError):
    """No environment can run an image."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python environment and what belongs to it."""

    tag: str
    python: Path
    root: Path | None = None
    """A snapshot of the project's code; `None`: the code comes with each task."""
    env: Mapping[str, str] = field(default_factory=dict)
    preload: bool = True
    """Whether its runner imports flytekit before it forks; the canary's tasks have no use for that."""

    @property
    def bin(self) -> Path:
        """Where the environment's programs are."""
        return self.python.parent

    def generation(self) -> str:
        """Changes when packages are installed or removed: a runner must not serve another generation."""
        stamps = [str(library.stat().st_mtime_ns) for library in _libraries(self.bin.parent)]
        return "-".join((str(self.python), *stamps, *(() if self.preload else ("plain",))))


@dataclass(frozen=True, slots=True)
class Resolution:
    """The environment chosen for an image."""

    environment: Environment
    warning: str = ""
    """Set if the image's own environment does not exist."""


class Environments:
    """Finds environments; a file that changes is read again at the next look."""

    def __init__(self, images_root: Path, canary_python: Path | None = None) -> None:
        self._root = images_root
        self._canary_python = canary_python
        self._read: dict[str, tuple[int, Environment]] = {}

    def resolve(self, image: str) -> Resolution:
        """The environment of an image, or the default one with a warning; raises `NoEnvironmentError`."""
        own = self.find(image)
        if own is not None:
            return Resolution(own)
        default = self.find(DEFAULT_TAG)
        if default is not None:
            return Resolution(
                default,
                f"no environment was built for image {image!r}, so it runs in the project's own "
                f"({default.python}); `sandbox build PATH --tag {image}` makes one",
            )
        raise NoEnvironmentError(
            f"No Python environment exists for image {image!r}, and the sandbox has no default one. "
            f"Build it with `sandbox build PATH --tag {image}`, or start the sandbox with `--source PATH`."
        )

    def find(self, tag: str) -> Environment | None:
        """The environment of exactly this tag."""
        if tag == CANARY_TAG and self._canary_python is not None:
            return Environment(tag, self._canary_python, preload=False)
        path = self._root / quote(tag, safe="") / FILE
        try:
            stamp = path.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return None
        known = self._read.get(tag)
        if known is None or known[0] != stamp:
            known = stamp, _read(path)
            self._read[tag] = known
        return known[1]


def canary_python() -> Path:
    """The Python that runs this process."""
    return Path(sys.executable)


@functools.lru_cache(maxsize=64)
def _known_libraries(prefix: Path) -> tuple[Path, ...]:
    return tuple(sorted(prefix.glob("lib/python3*/site-packages")))


def _libraries(prefix: Path) -> tuple[Path, ...]:
    """Where an environment's packages are; looked for again when one is gone, or there was none."""
    found = _known_libraries(prefix)
    if not found or not all(library.exists() for library in found):
        _known_libraries.cache_clear()
        found = _known_libraries(prefix)
    return found


def _read(path: Path) -> Environment:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        root = document.get("root")
        environment = Environment(
            document["tag"],
            Path(document["python"]),
            Path(root) if root else None,
            dict(document.get("env") or {}),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise NoEnvironmentError(
            f"{path} is not a description of an environment ({exc!r}): remove it and build the image again."
        ) from exc
    if not environment.python.exists():
        raise NoEnvironmentError(
            f"The environment of image {environment.tag!r} has lost its Python ({environment.python}): "
            f"build it again with `sandbox build PATH --tag {environment.tag}`."
        )
    return environment
