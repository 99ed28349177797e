"""What a reader asked of a list, and the filter that admin understands.

Admin's filter language has no quoting: a value with a comma, a plus or a parenthesis would change the
filter's meaning, so such a search is refused with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.console import errors, urls

_SEARCHABLE = re.compile(r"[\w.\-:/@ ]*")


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a list page."""

    path: str
    search: str = ""
    phase: str = ""
    """A key of the phase filters; empty for all."""
    token: str = ""
    entity: str = ""
    """Only executions of this workflow."""

    @classmethod
    def of(cls, path: str, parameters: Mapping[str, str]) -> Query:
        """From the address; raises Refused for a search that can't be expressed."""
        search = parameters.get("q", "").strip()
        entity = parameters.get("workflow", "")
        for text in (search, entity):
            if not _SEARCHABLE.fullmatch(text):
                raise errors.Refused(
                    f"“{text}” can't be searched for.",
                    remedy="Use letters, digits, spaces and . - _ : / @ only.",
                )
        token = parameters.get("token", "")
        return cls(path, search, parameters.get("phase", ""), token, entity)

    def href(self, **changes: str) -> str:
        """The same list with other parameters, from its first page unless a token is among them."""
        asked = {"q": self.search, "phase": self.phase, "workflow": self.entity, **changes}
        return urls.with_query(self.path, asked)


def executions(query: Query, phases: Mapping[str, tuple[str, Sequence[str]]]) -> str:
    """The filter of a list of executions."""
    return joined(
        contains("name", query.search), phase_in(query.phase, phases), equals("workflow.name", query.entity)
    )


def joined(*parts: str) -> str:
    """All of them together; empty ones count for nothing."""
    return "+".join(part for part in parts if part)


def contains(field: str, text: str) -> str:
    return f"contains({field},{text})" if text else ""


def equals(field: str, text: str) -> str:
    return f"eq({field},{text})" if text else ""


def phase_in(key: str, phases: Mapping[str, tuple[str, Sequence[str]]]) -> str:
    """One of the phases behind a key; an unknown key filters nothing."""
    if key not in phases:
        return ""
    return f"value_in(phase,{';'.join(phases[key][1])})"
