"""flyte:// URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.admin import errors, flyte_urls
from sandbox.idl.identifiers import ExecutionId, UniqueNodeId

MINE = ExecutionId("p", "d", "mine")
WORDS = st.from_regex(r"[a-zA-Z0-9_-]+", fullmatch=True)


@given(WORDS, WORDS, st.integers(0, 1000))
def test_what_is_told_to_clients_can_be_asked_for(execution: str, node: str, attempt: int) -> None:
    named = ExecutionId("p", "d", execution)
    url = flyte_urls.parse(flyte_urls.of_node(named, UniqueNodeId(node), deck=True).deck)
    assert (url.execution, url.node, url.attempt, url.kind) == (named, node, None, flyte_urls.DECK)
    url = flyte_urls.parse(flyte_urls.of_attempt(named, UniqueNodeId(node), attempt).outputs)
    assert (url.execution, url.node, url.attempt, url.kind) == (named, node, attempt, flyte_urls.OUTPUTS)


def test_one_variable_can_be_named() -> None:
    url = flyte_urls.parse("flyte://v1/p/d/mine/n0-0-n1/0/i/x")
    assert url == flyte_urls.FlyteUrl(MINE, UniqueNodeId("n0-0-n1"), 0, "i", "x")


@pytest.mark.parametrize(
    "text",
    [
        "flyte://v1/p/d/mine/n0",
        "flyte://v1/p/d/mine/n0/x",
        "flyte://v2/p/d/mine/n0/o",
        "http://v1/p/d/mine/n0/o",
        "flyte://v1/p/d/mine/n0/d/name",
        "flyte://v1/p/d/mine/n0/o/a/b",
        "flyte://v1/p/../mine/n0/o",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="failed to parse"):
        flyte_urls.parse(text)


def test_nothing_is_refused_as_missing() -> None:
    with pytest.raises(errors.InvalidRequest, match="missing flyte_url"):
        flyte_urls.parse("")
