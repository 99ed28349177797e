"""Flyte's filter language becomes SQL, and what isn't Flyte's filter language becomes an error that helps."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from sandbox.store import filters
from sandbox.store.errors import FilterError, SortError

_TABLE = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("name", sa.Text),
    sa.Column("execution_name", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True)),
    sa.Column("duration", sa.Float),
    sa.Column("state", sa.Integer),
    sa.Column("terminal", sa.Boolean),
    sa.Column("spec", sa.LargeBinary),
)
_OTHER = sa.Table("others", sa.MetaData(), sa.Column("name", sa.Text), sa.Column("key", sa.Text))
_FIELDS = filters.Fields(
    "thing",
    filters.columns_of(_TABLE, alias=_TABLE.c.execution_name),
    {
        "other": filters.Related(filters.columns_of(_OTHER)),
        "label": filters.Related(filters.columns_of(_OTHER), lambda where: sa.exists().where(*where)),
    },
)


_STATEMENT = str((_TABLE.c.name == "x").compile(dialect=postgresql.dialect()))


def _sql(text: str) -> list[str]:
    compiled = []
    for condition in filters.conditions(text, _FIELDS):
        options = {"literal_binds": True}
        sql = str(condition.compile(dialect=postgresql.dialect(), compile_kwargs=options))
        compiled.append(" ".join(sql.split()))
    return compiled


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("eq(name,x)", "things.name = 'x'"),
        ("eq(name, x)", "things.name = 'x'"),
        ("ne(thing.name,x)", "things.name != 'x'"),
        ("eq(alias,x)", "things.execution_name = 'x'"),
        ("eq(ExecutionName,x)", "things.execution_name = 'x'"),
        ("eq(name,it's)", "things.name = 'it''s'"),
        ("eq(name,f(x))", "things.name = 'f(x)'"),
        ("eq(name,a,b)", "things.name = 'a,b'"),
        ("eq(name,a+b)", "things.name = 'a+b'"),
        ("gt(state,1)", "things.state > 1"),
        ("lte(duration,90)", "things.duration <= 90.0"),
        ("lt(duration,1h1m1.5s)", "things.duration < 3661.5"),
        ("gte(duration,-500ms)", "things.duration >= -0.5"),
        ("eq(terminal,true)", "things.terminal = true"),
        ("value_in(name,a;b)", "things.name IN ('a', 'b')"),
        ("value_in(state,0;1)", "things.state IN (0, 1)"),
        ("value_not_in(name,a)", "(things.name NOT IN ('a'))"),
        ("not_like(name,%a%)", "things.name NOT LIKE '%%a%%'"),
        ("eq(other.name,x)", "others.name = 'x'"),
    ],
)
def test_a_filter_becomes_a_condition(text: str, sql: str) -> None:
    assert _sql(text) == [sql]


def test_filters_are_joined_by_plus() -> None:
    assert _sql("eq(name,a+b)+eq(state,1) + eq(other.key,c)") == [
        "things.name = 'a+b'",
        "things.state = 1",
        "others.key = 'c'",
    ]
    assert _sql("") == _sql("  ") == []


def test_all_conditions_on_a_to_many_relation_are_about_one_row() -> None:
    (condition,) = _sql("eq(label.key,k)+value_in(label.name,a;b)")
    assert condition.startswith("EXISTS (SELECT *")
    assert "others.key = 'k' AND others.name IN ('a', 'b')" in condition


def test_contains_takes_wildcards_literally() -> None:
    (condition,) = _sql("contains(name,my_task%)")
    assert r"my/_task/%" in condition


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-31T10:00:00Z", datetime(2024, 1, 31, 10, tzinfo=UTC)),
        ("2024-01-31T10:00:00.123456789Z", datetime(2024, 1, 31, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2024-01-31T10:00:00+02:00", datetime(2024, 1, 31, 10, tzinfo=timezone(timedelta(hours=2)))),
        ("2024-01-31T10:00:00", datetime(2024, 1, 31, 10, tzinfo=UTC)),
        ("2024-01-31", datetime(2024, 1, 31, tzinfo=UTC)),
    ],
)
def test_times_are_rfc_3339(text: str, expected: datetime) -> None:
    assert filters.timestamp("created_at", text) == expected


@pytest.mark.parametrize("name", ["created_at", "CreatedAt", "thing.created_at"])
def test_times_may_carry_an_offset_in_both_spellings(name: str) -> None:
    (condition,) = _sql(f"gte({name},2024-01-31T10:00:00+02:00)")
    assert condition == "things.created_at >= '2024-01-31 10:00:00+02:00'"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("eq(colour,red)", "colour.*created_at, duration.*name.*label, other"),
        ("eq(spec,x)", "spec"),
        ("eq(other.colour,red)", "other has key, name"),
        ("eq(stranger.name,red)", "stranger.name.*label, other, thing"),
        ("is(name,x)", "is.*eq, ne, gt"),
        ("eq(name)", "function\\(field,value\\)"),
        ("eq(name,)", "function\\(field,value\\)"),
        ("name=x", "function\\(field,value\\)"),
        ("eq(name,x)+", "function\\(field,value\\)"),
        ("eq(state,one)", "whole number"),
        ("eq(state,99999999999)", "too large"),
        ("eq(created_at,yesterday)", "RFC 3339"),
        ("eq(duration,fast)", "seconds"),
        ("eq(duration,1m30)", "seconds"),
        ("eq(terminal,maybe)", "true or false"),
        ("contains(state,1)", "not a text"),
    ],
)
def test_a_wrong_filter_is_explained(text: str, says: str) -> None:
    with pytest.raises(FilterError, match=f"(?s){says}"):
        filters.conditions(text, _FIELDS)


@given(st.text(max_size=60))
def test_no_text_does_more_than_being_refused(text: str) -> None:
    with contextlib.suppress(FilterError):
        filters.conditions(text, _FIELDS)


@given(st.text(alphabet="abc'\"%_;\\ é(", min_size=1, max_size=20).filter(lambda text: text.strip()))
def test_a_value_is_never_part_of_the_statement(value: str) -> None:
    (condition,) = filters.conditions(f"eq(name,{value})", _FIELDS)
    compiled = condition.compile(dialect=postgresql.dialect())
    assert str(compiled) == _STATEMENT
    assert value.strip() == compiled.params["name_1"].strip()


def test_a_sort_key_is_a_column_and_others_are_refused_with_the_list() -> None:
    assert _FIELDS.sort_column("created_at") is _TABLE.c.created_at
    assert _FIELDS.sort_column("thing.CreatedAt") is _TABLE.c.created_at
    with pytest.raises(SortError, match="created_at, duration"):
        _FIELDS.sort_column("spec")


def test_it_is_known_which_field_a_filter_speaks_about() -> None:
    assert filters.mentions("eq(name,a)+eq(project.State,1)", "state")
    assert not filters.mentions("eq(name,state)", "state")
    assert not filters.mentions("", "state")
