from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from sandbox.console import errors, guard


@pytest.mark.parametrize(
    "host", ["localhost:30080", "127.0.0.1", "[::1]:30080", "10.0.0.7:80", "flyte-sandbox", "a.localhost"]
)
def test_local_names_and_addresses_are_trusted(host: str) -> None:
    assert guard.is_trusted_host(host, ())


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:30080", "localhost.evil.example", "127.0.0.1.evil.example", ""]
)
def test_names_that_a_stranger_may_own_are_not(host: str) -> None:
    assert not guard.is_trusted_host(host, ())


def test_a_name_can_be_allowed() -> None:
    assert guard.is_trusted_host("box.example:30080", ("box.example",))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:30080"},
        {"sec-fetch-site": "same-origin", "origin": "http://localhost:30080"},
        {"referer": "http://localhost:30080/console"},
        {"sec-fetch-site": "same-origin"},
    ],
)
def test_our_own_pages_may_change_things(headers: dict[str, str]) -> None:
    guard.require_same_origin(Headers({"host": "localhost:30080", **headers}))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:3000"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost:30080"},
        {"sec-fetch-site": "same-site"},
        {"referer": "http://evil.example/localhost:30080"},
        {},
    ],
)
def test_other_pages_may_not(headers: dict[str, str]) -> None:
    with pytest.raises(errors.Forbidden):
        guard.require_same_origin(Headers({"host": "localhost:30080", **headers}))
