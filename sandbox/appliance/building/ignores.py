"""Which files of a project are not part of it: `.dockerignore` and `.gitignore` patterns.

The two languages share their wildcards (`*`, `?`, `[…]`, `**`, `!` to take back, the last match decides)
and differ in one thing: a Docker pattern begins at the project's root, a Git pattern without a slash
matches at any depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file."""

    pattern: re.Pattern[str]
    excludes: bool
    """False for a line that begins with `!`."""
    directories_only: bool


@dataclass(frozen=True, slots=True)
class Ignores:
    """The rules of one ignore file, in order."""

    rules: tuple[Rule, ...] = ()

    def excludes(self, path: str, *, is_directory: bool) -> bool:
        """Whether the path (relative to the project, with `/`) is left out. Parents are asked before
        children."""
        verdict = False
        for rule in self.rules:
            if rule.directories_only and not is_directory:
                continue
            if rule.pattern.fullmatch(path):
                verdict = rule.excludes
        return verdict

    @property
    def takes_back(self) -> bool:
        """Whether a file inside an excluded directory may still belong to the project (Docker's rule)."""
        return any(not rule.excludes for rule in self.rules)


def parse_docker(lines: Iterable[str]) -> Ignores:
    """A `.dockerignore`."""
    return _parse(lines, anchored=True)


def parse_git(lines: Iterable[str]) -> Ignores:
    """A `.gitignore` in the project's root."""
    return _parse(lines, anchored=False)


def _parse(lines: Iterable[str], *, anchored: bool) -> Ignores:
    rules = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        excludes = not text.startswith("!")
        text = text.removeprefix("!").strip()
        directories_only = text.endswith("/") and not anchored
        stem = text.strip("/").removeprefix("./")
        if not stem or stem == ".":
            continue
        rooted = anchored or "/" in text.rstrip("/")
        prefix = "" if rooted else "(?:.*/)?"
        rules.append(Rule(re.compile(prefix + _translate(stem)), excludes, directories_only))
    return Ignores(tuple(rules))


def _translate(pattern: str) -> str:
    """The regular expression of one pattern; `**` crosses folders, `*` and `?` do not."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**/"):
            parts.append("(?:.*/)?")
            position += 3
        elif rest.startswith("**"):
            parts.append(".*")
            position += 2
        elif rest[0] == "*":
            parts.append("[^/]*")
            position += 1
        elif rest[0] == "?":
            parts.append("[^/]")
            position += 1
        elif rest[0] == "[" and (end := rest.find("]", 2)) > 0:
            inside = rest[1:end].replace("\\", r"\\")
            parts.append("[" + ("^" + inside[1:] if inside[0] in "!^" else inside) + "]")
            position += end + 1
        else:
            parts.append(re.escape(rest[0]))
            position += 1
    return "".join(parts)
