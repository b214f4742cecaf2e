from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from otel_ctxlog import config
from otel_ctxlog.config.kinds import is_dict, is_sequence

TRICKY = [
    *(
        "",
        " ",
        "yes",
        "off",
        "null",
        "~",
        "1",
        "1.5",
        "1e3",
        "0x1f",
        "1:30",
        "012",
        "2020-01-01",
        ".inf",
        "<<",
        "=",
        "y",
        "n",
    ),
    *(
        "2001-12-14t21:59:43.10-05:00",
        "- a",
        "a: b",
        "a #b",
        "# a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "'",
        '"',
        "\\",
        "-",
    ),
    *(
        "a\nb",
        "\n",
        "a\r\nb",
        "\t",
        "\x00",
        "\x85",
        "\u2028",
        "\ufeff",
        "\ud800",
        "\udfff\ud800",
        "\U0001f600",
        "ü",
        "\xa0",
    ),
    *("{a}", "[a]", "a,b", "? a", "a ", " a", "---", "...", "--- a", "a:", ":a", "x" * 3000, "_1", "a-", "a.b/c d"),
    *("\x7f", "\ufffe", "\U0010ffff"),
]

EMPTY: list[object] = [{}, [], set[str](), {"a"}, [[]], [{"b": []}], (), "", [set[str]()]]
INEXPRESSIBLE: list[object] = [
    *(object(), 1j, dt.time(1), {("a", 1): 2}, {float("nan"): 1}, {frozenset[str](): 1}, range(3), b"".join),
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(4400, 4500).map(lambda digits: 10**digits),
    st.floats(),
    st.text(st.characters(codec=None)),
    st.sampled_from(TRICKY),
    st.binary(max_size=100),
    st.dates(),
    st.datetimes(timezones=st.none() | st.timezones()),
)
# Times in the hour of a clock change are equal to themselves only in their own zone: no keys.
keys = scalars.filter(
    lambda key: key == key and not (isinstance(key, dt.datetime) and key.tzinfo)  # noqa: PLR0124 - NaN
)
data = st.recursive(
    scalars | st.sets(keys, max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=15,
)
levels = st.one_of(st.sampled_from(["Info", "off", " DEBUG ", "3", False, 0, 5]), st.integers(min_value=0))
names = st.text(st.characters(codec=None), min_size=1) | st.sampled_from([text for text in TRICKY if text])
values = st.one_of(
    data.map(config.value),
    st.text().map(config.glob),
    st.lists(data, max_size=3).map(lambda found: config.oneof(*found)),
    st.integers().map(config.range_),
    st.just(config.exists()),
)
conditions: Any = st.recursive(
    st.one_of(
        names.map(config.tag),
        names.map(config.realm),
        names.map(config.realmprefix),
        st.builds(config.attribute, names, values),
        st.builds(config.baggage, names, values),
        st.builds(config.spanname, names | st.text().map(config.glob)),
        st.booleans().map(config.sampled),
    ),
    lambda inner: inner.map(config.not_) | st.lists(inner, max_size=3).map(lambda found: config.and_(*found)),
    max_leaves=5,
)
rules = st.tuples(levels, st.lists(conditions, max_size=3)).map(lambda found: config.rule(found[0], *found[1]))
configs = st.builds(config.Config, st.none() | levels, st.lists(rules, max_size=3))


def same_types(left: object, right: object) -> bool:
    """True if the two are of the same types all the way down, lists and tuples being one."""
    if is_sequence(left):
        return is_sequence(right) and all(map(same_types, left, right))
    if is_dict(left):
        return is_dict(right) and all(same_types(value, right[key]) for key, value in left.items())
    return type(left) is type(right)


@settings(deadline=None, max_examples=1_000)
@given(configs)
@example(config.Config("Info", [config.rule(1, *[config.attribute("a", text) for text in TRICKY])]))
@example(config.Config(None, [config.rule(1, config.attribute("a", {text: text for text in TRICKY}))]))
@example(config.Config(None, [config.rule(1, config.attribute("a", EMPTY))]))
@example(config.Config(None, [config.rule(1, config.attribute("a", -(16**9000)))]))
@example(config.Config(None, [config.rule(1, config.attribute("a", dt.datetime(1, 1, 1, 0, 0, 0, 1)))]))
def test_every_valid_config_reads_back_equal(written: config.Config) -> None:
    """`load(c.to_yaml()) == c`, types included, whatever looks like what in YAML."""
    text = written.to_yaml()
    read = config.load(text)

    assert read == written
    assert same_types(written.rules, read.rules)
    assert type(read.default_level) is type(written.default_level)
    assert read.to_yaml() == text


def test_a_config_too_large_for_block_style_is_written_compactly() -> None:
    """Flow style with aliases keeps below the limit what has been below it."""
    long = "a rather long text, " * 200
    shared = {"list": [long] * 100, "long": long}
    written = config.Config("Info", [config.rule(1, config.attribute(f"a{i}", shared)) for i in range(200)])

    text = written.to_yaml()

    assert len(text) < 100_000
    assert config.load(text) == written


def test_the_text_is_what_people_write() -> None:
    """Block style, no quotes where none are needed, no aliases."""
    tag = config.tag("slow")
    written = config.Config(
        "Info",
        [
            config.rule("Debug", config.realm("github.com/acme/spiff"), tag, config.not_(tag)),
            config.rule("off", config.attribute("a", config.oneof(1, "1", "yes", "GET /"))),
        ],
    )

    assert written.to_yaml() == (
        "defaultLevel: Info\n"
        "rules:\n"
        "  - rule:\n"
        "      level: Debug\n"
        "      conditions:\n"
        "        - realm: github.com/acme/spiff\n"
        "        - tag: slow\n"
        "        - not:\n"
        "            tag: slow\n"
        "  - rule:\n"
        '      level: "off"\n'
        "      conditions:\n"
        "        - attribute:\n"
        "            name: a\n"
        "            value:\n"
        "              oneof:\n"
        "                - 1\n"
        '                - "1"\n'
        '                - "yes"\n'
        "                - GET /\n"
    )
    assert config.Config().to_yaml() == "{}\n"


@pytest.mark.parametrize("bad", INEXPRESSIBLE)
def test_what_yaml_cannot_say_is_an_error(bad: object) -> None:
    """Objects of other kinds are refused when loaded and when written, with their place."""
    written = config.Config(rules=[config.rule(1, config.attribute("a", {"x": [bad]}))])

    for act in (lambda: config.load(written), written.to_yaml):
        with pytest.raises(
            config.ConfigError, match=r"^rules\[0\]\.rule\.conditions\[0\]\.attribute\.value\.value\.x\[0\]"
        ):
            act()
