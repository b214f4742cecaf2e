"""Section 9 of the contract: what is too large is an error, quickly, and changes nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl
from otel_ctxlog import config

from .records import RecordingSink

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
SECONDS = 40.0


@pytest.fixture
def plain() -> cl.LoggingContext:
    """A context on a recording sink."""
    return cl.LoggingContext(RecordingSink())


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Whatever the input, the answer does not take long."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SECONDS


def _value(value: object) -> dict[str, object]:
    """Return a configuration, 8 collections deep, that holds the value."""
    attribute = {"attribute": {"name": "a", "value": {"value": value}}}
    return {"rules": [{"rule": {"level": "Debug", "conditions": [attribute]}}]}


def _text(value: str) -> str:
    return "rules: [{rule: {level: Debug, conditions: [{attribute: {name: a, value: {value: " + value + "}}}]}}]"


def _refused(ctx: cl.LoggingContext, source: object) -> None:
    before = (ctx.generation, ctx.rules, ctx.default_level)
    with pytest.raises(config.ConfigError):
        config.configure(ctx, source)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert (ctx.generation, ctx.rules, ctx.default_level) == before


@pytest.mark.parametrize("kind", ["str", "bytes", "path"])
def test_one_mebibyte_is_the_limit_of_a_text(kind: str, plain: cl.LoggingContext, tmp_path: Path) -> None:
    """More than 1 MiB is an error; exactly 1 MiB is none."""
    head = "rules: [rule: {level: Debug}]\n#"
    for size in (MIB, MIB + 1):
        text = head + "x" * (size - len(head))
        path = tmp_path / "levels.yaml"
        path.write_text(text, encoding="utf-8")
        source = {"str": text, "bytes": text.encode(), "path": path}[kind]
        if size > MIB:
            _refused(plain, source)
        else:
            config.configure(plain, source)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert len(plain.rules) == 1


def test_the_limit_is_counted_in_bytes(plain: cl.LoggingContext) -> None:
    """1 MiB is a number of bytes: fewer characters may be more than that."""
    _refused(plain, "# " + "ü" * (MIB // 2 + 1))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a file without end")
def test_a_file_without_end_is_too_large(plain: cl.LoggingContext) -> None:
    """Of a file no more is read than is allowed."""
    _refused(plain, Path("/dev/zero"))


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_64_levels_of_collections_are_the_limit(brackets: str, plain: cl.LoggingContext) -> None:
    """More than 64 levels of collections are an error, exactly 64 are none, in text and mapping alike."""
    for inner in (56, 57):
        value: object = 1
        text = "1"
        for _ in range(inner):
            value = [value] if brackets == "[]" else {"k": value}
            text = f"[{text}]" if brackets == "[]" else "{k: " + text + "}"
        if inner == 56:
            config.configure(plain, _text(text))
            config.configure(plain, _value(value))
        else:
            _refused(plain, _text(text))
            _refused(plain, _value(value))
            _refused(plain, config.Config(rules=_value(value)["rules"]))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_nested_conditions_count_too(plain: cl.LoggingContext) -> None:
    """Levels of conditions are levels of collections: many a `not` in a `not` is an error, and no stack overflows."""
    _refused(plain, "rules: [rule: {level: Debug, conditions: [" + "{not: " * 100 + "{tag: t}" + "}" * 100 + "]}]")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "!!seq ["])
def test_a_text_of_openings_is_an_error(opening: str, plain: cl.LoggingContext) -> None:
    """Very deep text is an error, and no stack overflows."""
    _refused(plain, opening * 100_000)
    _refused(plain, (opening * 100_000).encode())


def test_a_very_deep_mapping_is_an_error(plain: cl.LoggingContext) -> None:
    """A very deep mapping is an error, and no stack overflows."""
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]

    _refused(plain, _value(deep))
    _refused(plain, deep)
    while isinstance(deep, list):
        deep = deep.pop()


def test_expanding_aliases_is_counted(plain: cl.LoggingContext) -> None:
    """More than 1,000,000 nodes with the aliases expanded are an error, quickly, not an exhausted memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]

    _refused(plain, "\n".join(lines))
    _refused(
        plain,
        _text("[" + ", ".join(f"&b{i} [{', '.join([f'*b{i - 1}' if i else 'x'] * 10)}]" for i in range(10)) + "]"),
    )


def test_many_aliases_below_the_limit_are_fine(plain: cl.LoggingContext) -> None:
    """Aliases alone are no error: 200,000 nodes are below the limit."""
    text = "[&a [" + ", ".join(["x"] * 1000) + "], " + ", ".join(["*a"] * 199) + "]"

    config.configure(plain, _text(text))

    assert len(plain.rules) == 1


def test_a_mapping_that_shares_is_counted_expanded(plain: cl.LoggingContext) -> None:
    """In a mapping too, a value in many places counts as often as it occurs."""
    value: object = ["x"] * 10
    for _ in range(9):
        value = [value] * 10

    _refused(plain, _value(value))
    _refused(plain, config.Config(rules=_value(value)["rules"]))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_a_large_mapping_is_too_large(plain: cl.LoggingContext) -> None:
    """A mapping of more than 1,000,000 nodes is an error; one of nearly as many is none."""
    _refused(plain, _value([0] * 1_000_001))
    _refused(plain, config.Config(rules=_value([0] * 1_000_001)["rules"]))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    config.configure(plain, _value([0] * 900_000))

    assert len(plain.rules) == 1


@pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}", "rules: &a [*a]", _text("&a [*a]")], ids=repr)
def test_an_alias_of_what_it_is_in_is_an_error(text: str, plain: cl.LoggingContext) -> None:
    """An alias of a collection that holds it has no end, and is an error."""
    _refused(plain, text)


def test_a_cyclic_mapping_is_an_error(plain: cl.LoggingContext) -> None:
    """A mapping or `Config` that holds itself has no end, and is an error."""
    cycle: list[object] = []
    cycle.append(cycle)
    table: dict[str, object] = {"rules": []}
    table["rules"] = [table]

    _refused(plain, _value(cycle))
    _refused(plain, table)
    _refused(plain, config.Config(rules=cycle))  # pyright: ignore[reportArgumentType]


def test_a_very_long_number_is_no_trouble(plain: cl.LoggingContext) -> None:
    """A number of more digits than the interpreter converts is an error as level, and breaks nothing as value."""
    _refused(plain, "defaultLevel: " + "9" * 10_000)
    try:
        config.configure(plain, _text("9" * 10_000))
    except config.ConfigError:
        assert plain.rules == ()


@pytest.mark.slow
def test_10_000_rules_are_no_trouble(plain: cl.LoggingContext) -> None:
    """10,000 rules are far from too large."""
    lines = [f"- rule: {{level: Debug, conditions: [tag: t{i}]}}" for i in range(10_000)]

    config.configure(plain, "rules:\n" + "\n".join(lines))

    assert len(plain.rules) == 10_000
    assert plain.logger(cl.Tag("t77")).enabled(cl.DEBUG)
