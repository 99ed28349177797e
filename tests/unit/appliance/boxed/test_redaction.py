"""What a support bundle must not tell."""

from __future__ import annotations

import base64
import json

import pytest

from sandbox.appliance.boxed.redaction import HIDDEN, Redaction, hidden


def _secret(**values: str) -> dict[str, object]:
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    return {"type": "Opaque", "data": data}


def test_values_that_are_called_secret_are_hidden_in_objects() -> None:
    variables = [
        {"name": "FLYTE_AWS_SECRET_ACCESS_KEY", "value": "miniostorage"},
        {"name": "PLACE", "value": "here"},
    ]
    pod = {"spec": {"containers": [{"name": "main", "env": variables}]}}
    config = {"data": {"sandbox.json": '{"database": {"url": "postgresql://u:pass@h/d", "pool_size": 8}}'}}
    shown = str(hidden(pod)) + str(hidden(config))
    assert "miniostorage" not in shown
    assert "pass@" not in shown
    assert "here" in shown
    assert "pool_size" in shown


@pytest.mark.parametrize(
    "shown",
    [
        "it says open sesame, and again open sesame",
        "GET /?key=open%20sesame",
        "data: " + base64.b64encode(b"open sesame").decode(),
    ],
)
def test_a_value_of_a_secret_is_hidden_wherever_it_stands(shown: str) -> None:
    told = Redaction([_secret(password="open sesame")]).text(shown)
    assert "sesame" not in told
    assert base64.b64encode(b"open sesame").decode() not in told
    assert HIDDEN in told


def test_a_key_of_several_lines_is_hidden_line_by_line_and_in_json() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----\n"
    redaction = Redaction([_secret(**{"tls.key": key})])
    assert "MC4CAQ" not in redaction.text(key)
    assert "MC4CAQ" not in redaction.text(json.dumps({"key": key}))


def test_a_longer_secret_is_hidden_whole_when_it_holds_another() -> None:
    redaction = Redaction([_secret(a="sesame"), _secret(b="open-sesame-please")])
    assert redaction.text("open-sesame-please") == HIDDEN


def test_ordinary_words_stay_readable() -> None:
    """What Kubernetes keeps beside a token, and a password that is the name of a program."""
    token = _secret(namespace="flytesnacks-development", token="eyJhbGciOi", **{"ca.crt": "certificate"})
    redaction = Redaction([token, _secret(password="postgres", short="abc")])
    text = "postgres in flytesnacks-development trusts its certificate, abc"
    assert redaction.text(text) == text
    assert redaction.text("Bearer eyJhbGciOi") == f"Bearer {HIDDEN}"


def test_variables_in_the_kubelets_log_are_hidden_by_their_names() -> None:
    line = "EnvVar{Name:API_KEY,Value:s3cr3t,ValueFrom:nil,},EnvVar{Name:PLACE,Value:here,ValueFrom:nil,}"
    told = Redaction().text(line)
    assert "s3cr3t" not in told
    assert "Value:here" in told
