"""How a cluster is reached."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.executors.kubernetes import connections
from sandbox.executors.kubernetes.errors import NoConnection


def kubeconfig(folder: Path, user: dict[str, Any], **cluster: Any) -> Path:
    path = folder / "config"
    document = {
        "current-context": "mine",
        "contexts": [{"name": "mine", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://here:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(document))
    return path


def headers(path: Path, refused: bool = False) -> dict[str, str]:
    return connections.by_kubeconfig(path, None, {}).headers(refused)


def test_tokens_names_and_nothing_at_all(tmp_path: Path) -> None:
    assert headers(kubeconfig(tmp_path, {"token": "t"})) == {"authorization": "Bearer t"}
    basic = base64.b64encode(b"me:x").decode()
    assert headers(kubeconfig(tmp_path, {"username": "me", "password": "x"})) == {
        "authorization": f"Basic {basic}"
    }
    assert headers(kubeconfig(tmp_path, {})) == {}
    assert connections.by_kubeconfig(kubeconfig(tmp_path, {}), "mine", {}).server == "http://here:6443"


def test_a_token_in_a_file_is_read_again_when_it_was_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old\n")
    connection = connections.by_kubeconfig(kubeconfig(tmp_path, {"tokenFile": "token"}), None, {})
    assert connection.headers(False) == {"authorization": "Bearer old"}
    (tmp_path / "token").write_text("new")
    assert connection.headers(False) == {"authorization": "Bearer old"}
    assert connection.headers(True) == {"authorization": "Bearer new"}


def program(folder: Path, text: str) -> dict[str, Any]:
    return {"exec": {"command": sys.executable, "args": ["-c", text], "env": [{"name": "A", "value": "b"}]}}


def test_a_program_gives_a_token_until_it_runs_out(tmp_path: Path) -> None:
    text = (
        "import json, os, pathlib\n"
        f"file = pathlib.Path({str(tmp_path / 'count')!r})\n"
        "number = int(file.read_text()) + 1 if file.exists() else 1\n"
        "file.write_text(str(number))\n"
        "assert os.environ['A'] == 'b' and json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "until = '2000-01-01T00:00:00Z' if number == 1 else '2999-01-01T00:00:00Z'\n"
        "print(json.dumps({'status': {'token': str(number), 'expirationTimestamp': until}}))\n"
    )
    connection = connections.by_kubeconfig(kubeconfig(tmp_path, program(tmp_path, text)), None, {})
    assert connection.headers(False) == {"authorization": "Bearer 1"}
    assert connection.headers(False) == {"authorization": "Bearer 2"}
    assert connection.headers(False) == {"authorization": "Bearer 2"}
    assert connection.headers(True) == {"authorization": "Bearer 3"}


@pytest.mark.parametrize("text", ["raise SystemExit('log in first')", "print('hello')", "print('{}')"])
def test_a_program_without_an_answer_is_an_error_that_shows_what_it_said(tmp_path: Path, text: str) -> None:
    connection = connections.by_kubeconfig(kubeconfig(tmp_path, program(tmp_path, text)), None, {})
    with pytest.raises(OSError, match=r"log in first|no credentials"):
        connection.headers(False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no kubeconfig"),
        ("[", "can't be read"),
        ("{}", "no current context"),
        ("current-context: a\ncontexts: [{name: b}]", "has no context 'a'; it has: b"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: x}}]", "no cluster 'x'; it has: none"),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: x}}]\nclusters: [{name: x}]",
            "no server",
        ),
    ],
)
def test_a_kubeconfig_that_is_no_use_says_why(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(NoConnection, match=words):
        connections.by_kubeconfig(tmp_path / "config", None, {})


def test_a_certificate_that_is_none_says_so(tmp_path: Path) -> None:
    data = base64.b64encode(b"no certificate").decode()
    path = kubeconfig(tmp_path, {}, **{"server": "https://here", "certificate-authority-data": data})
    with pytest.raises(NoConnection, match="are no use"):
        connections.by_kubeconfig(path, None, {})


def test_outside_of_a_cluster_a_kubeconfig_is_needed(tmp_path: Path) -> None:
    with pytest.raises(NoConnection, match="does not run in a pod"):
        connections.find(None, None, {}, service_account=tmp_path)
