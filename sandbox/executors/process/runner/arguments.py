"""Reads the command lines of flytekit's entry points as click does, without a parser built for each task.

The runner has click read one minimal command line before it forks, and keeps what came of it: names and
defaults. A command line of plain options with text, which is what flytekit puts into its templates, is then
read by that; any other is left to click.
"""

from __future__ import annotations

import typing


class Shape(typing.NamedTuple):
    """What a command takes."""

    options: dict[str, str]
    """Option with a text → the parameter's name."""
    required: frozenset[str]
    """The names of parameters that must be there."""
    rest: str
    """The name of the parameter that takes all words that belong to no option."""
    defaults: dict[str, typing.Any]
    """Every parameter as it is when it is not given."""


_shapes: dict[str, Shape] = {}


def learn(command: typing.Any) -> None:
    """Keep the shape of a click command."""
    options = {text: option.name for option in command.params if _is_text(option) for text in option.opts}
    required = [option for option in command.params if option.required]
    rest = [one.name for one in command.params if one.param_type_name == "argument" and one.nargs == -1]
    minimal = [word for option in required for word in (option.opts[0], "-")]
    if len(rest) == 1 and all(option.opts[0] in options for option in required):
        defaults = dict(command.make_context(command.name, minimal).params)
        names = frozenset(option.name for option in required)
        _shapes[command.name] = Shape(options, names, rest[0], defaults)


def shape(command: typing.Any) -> Shape | None:
    """What was learned of a command."""
    return _shapes.get(command.name)


def prepare(command: typing.Any, words: list[str]) -> None:
    """Have a command find its parameters read already, if this can read them. For one call of its `main`."""
    known = shape(command)
    parameters = read(known, words) if known is not None else None
    if parameters is not None:
        context = command.context_class(command, info_name=command.name)
        context.params = parameters
        command.make_context = lambda *_, **__: context


def read(taken: Shape, words: list[str]) -> dict[str, typing.Any] | None:
    """The parameters in a command line; `None` if it takes click to read it."""
    found: dict[str, typing.Any] = {}
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--":
            rest.extend(left)
        elif not word.startswith("-"):
            rest.append(word)
        else:
            name, value = taken.options.get(word), next(left, None)
            if name is None or value is None:
                return None
            found[name] = value
    if not taken.required <= found.keys():
        return None
    return {**taken.defaults, **found, taken.rest: tuple(rest)}


def _is_text(parameter: typing.Any) -> bool:
    kind = (parameter.param_type_name, parameter.type.name, parameter.nargs, parameter.multiple)
    return kind == ("option", "text", 1, False) and parameter.callback is None
