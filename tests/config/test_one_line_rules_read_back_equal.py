from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import otel_ctxlog as cl
from otel_ctxlog import config

TRICKY = [
    *("true", "null", "007", "1.10", "1", "-0", "1e5", "1e+16", "inf", "nan", "sampled", "unsampled", "realm", "any"),
    *("spanname", "a b", "a,b", "a]b", "(", "a|b", 'q"q', "q'q", "a\\b", "a=b", "~", "#", "!", "@x", "a@b.c", "x:y"),
    *(
        "..",
        "1..2",
        "*",
        "a?",
        "**",
        "/**",
        "a/**",
        "/",
        "a/",
        "//",
        " ",
        "\n",
        "\t",
        "\x00",
        "\x85",
        "\u2028",
        "\ud800",
    ),
    *(
        "日本",
        "\U0001f600",
        "e\u0301",
        "http://x/y?z=1",
        "off",
        "debug",
        "5",
        "^\\d+$",
        "[ab]*",
        "'\\'",
        "\x7f",
        "\xa0",
    ),
]
names = st.sampled_from(TRICKY) | st.text(st.characters(codec=None), min_size=1, max_size=8)
scalars = st.one_of(
    names,
    st.just(""),
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**330),
    st.floats(allow_nan=False, allow_infinity=False),
)
numbers = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


def _range(limits: tuple[float | None, float | None]) -> Any:
    low, high = limits
    if low is not None and high is not None and low > high:
        low, high = high, low
    return config.range_(low, high)


values: Any = st.one_of(
    scalars.map(config.value),
    (names | st.just("")).map(config.glob),
    st.sampled_from(["", "a", "^x|y$", "\\d+", "a'\\b", "[,\\]]"]).map(config.regex),
    st.lists(scalars, max_size=3).map(lambda found: config.oneof(*found)),
    st.tuples(numbers, numbers).map(_range),
    st.just(config.exists()),
)
conditions: Any = st.recursive(
    st.one_of(
        names.map(config.tag),
        names.map(config.realm),
        names.map(config.realmprefix),
        st.builds(config.attribute, names, values),
        st.builds(config.baggage, names, values),
        st.builds(config.span, names, values),
        st.builds(config.resource, names, values),
        st.builds(config.spanname, names | names.map(config.glob) | st.just(config.exists())),
        st.booleans().map(config.sampled),
    ),
    lambda inner: (
        inner.map(config.not_)
        | st.lists(inner, max_size=3).map(lambda found: config.and_(*found))
        | st.lists(inner, max_size=3).map(lambda found: config.or_(*found))
    ),
    max_leaves=6,
)
controls: Any = st.fixed_dictionaries(
    {},
    optional={
        "expires": st.sampled_from([90, 0.5, "15m", "1h 30m", "2030-01-31T12:00:00+00:00"]),
        "limit": st.sampled_from(["100/s", 5, {"rate": "20/min", "burst": 7, "per": "a b"}, {"rate": 0.5, "per": "t"}]),
        "sample": st.sampled_from([1, 0.1, 0.5]),
        "first": st.sampled_from([3, {"count": 1, "every": 10, "within": "1m"}]),
        "sampled_traces_only": st.booleans(),
        "exempt_events": st.booleans(),
    },
)
levels: Any = st.sampled_from(["Info", "off", "DEBUG", "warning", 0, 7]) | st.integers(0, 10**20)


@st.composite
def rules(draw: st.DrawFn) -> Any:
    """A rule that one line can say."""
    return config.rule(draw(levels), *draw(st.lists(conditions, max_size=3)), **draw(controls))


configs = st.builds(config.Config, st.none() | levels, st.lists(rules(), max_size=3))


@settings(deadline=None, max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(configs)
@example(config.Config("Info", [config.rule(1, *[config.attribute(text, text) for text in TRICKY])]))
@example(config.Config(None, [config.rule(1, *[config.baggage(text, config.oneof(text)) for text in TRICKY])]))
@example(config.Config(None, [config.rule(1, config.realm(text)) for text in TRICKY]))
@example(config.Config(None, [config.rule(1, config.tag("x"), config.realmprefix(text)) for text in TRICKY]))
@example(config.Config(None, [config.rule(1, config.spanname(text)) for text in TRICKY]))
def test_what_one_line_can_say_is_the_plain_data_of_yaml(written: config.Config) -> None:
    """Printed and parsed, a configuration is the same data as before, and so are its YAML text and its rules."""
    text = config.format_rules(written)
    read = config.parse_rules(text)

    assert config.format_rules(read) == text
    assert config.parse_rules(config.format_rules(read)) == read
    assert read == written
    assert config.load(read.to_yaml()) == read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", config.Config()),
        (" warn ", config.Config("warn")),
        ("5", config.Config(5)),
        ("shop/db=debug", config.Config(None, [config.rule("debug", config.realm("shop/db"))])),
        ("shop/**=debug,", config.Config(None, [config.rule("debug", config.realmprefix("shop"))])),
        ("[]=trace", config.Config(None, [config.rule("trace")])),
        ("[#slow]=7", config.Config(None, [config.rule(7, config.tag("slow"))])),
        (
            "info,[tenant=acme]=trace",
            config.Config("info", [config.rule("trace", config.attribute("tenant", "acme"))]),
        ),
        (
            "shop/**[baggage:debug=true, !#slow]=debug",
            config.Config(
                None,
                [
                    config.rule(
                        "debug",
                        config.realmprefix("shop"),
                        config.baggage("debug", value=True),
                        config.not_(config.tag("slow")),
                    )
                ],
            ),
        ),
        (
            "[a~x-*,b=~'^\\d+$',c=1|2|x,d=50..,e=..-1.5,f=1..2,g,h=007,i=1.10,j=null,k=\"a b\"]=off",
            config.Config(
                None,
                [
                    config.rule(
                        "off",
                        config.attribute("a", config.glob("x-*")),
                        config.attribute("b", config.regex(r"^\d+$")),
                        config.attribute("c", config.oneof(1, 2, "x")),
                        config.attribute("d", config.range_(50)),
                        config.attribute("e", config.range_(max=-1.5)),
                        config.attribute("f", config.range_(1, 2)),
                        config.attribute("g", config.exists()),
                        config.attribute("h", "007"),
                        config.attribute("i", "1.10"),
                        config.attribute("j", None),
                        config.attribute("k", "a b"),
                    )
                ],
            ),
        ),
        (
            'a[any(b,all(!c,realm=d/**)),spanname=GET|PUT,sampled,"sampled",resource:r=1,span:s=2]=warn',
            config.Config(
                None,
                [
                    config.rule(
                        "warn",
                        config.realm("a"),
                        config.or_(
                            config.attribute("b", config.exists()),
                            config.and_(config.not_(config.attribute("c", config.exists())), config.realmprefix("d")),
                        ),
                        config.spanname(config.oneof("GET", "PUT")),
                        config.sampled(),
                        config.attribute("sampled", config.exists()),
                        config.resource("r", 1),
                        config.span("s", 2),
                    )
                ],
            ),
        ),
        (
            "a=debug@expires=15m@limit=(rate=100/s,burst=200,per=tenant)@sample=0.1@first=10@sampledTracesOnly",
            config.Config(
                None,
                [
                    config.rule(
                        "debug",
                        config.realm("a"),
                        expires="15m",
                        limit={"rate": "100/s", "burst": 200, "per": "tenant"},
                        sample=0.1,
                        first=10,
                        sampled_traces_only=True,
                    )
                ],
            ),
        ),
        ("a\n = debug ,\r\n\t[ b = 1 ] = info", None),
    ],
)
def test_each_part_of_the_grammar_means_what_the_page_says(text: str, expected: config.Config | None) -> None:
    """The parts one by one; blanks around signs, line breaks too, mean nothing."""
    if expected is None:
        expected = config.Config(
            None, [config.rule("debug", config.realm("a")), config.rule("info", config.attribute("b", 1))]
        )

    assert config.parse_rules(text) == expected


def test_the_later_rule_wins() -> None:
    """Rules are added in the order of the text, so the last that matches decides, as in YAML."""
    ctx = cl.LoggingContext()
    config.configure_rules(ctx, "warn,shop/**=debug,shop/db=error")

    assert ctx.default_level == cl.WARN
    assert ctx.explain(cl.Realm("shop/db")).level == cl.ERROR
    assert ctx.explain(cl.Realm("shop/cart")).level == cl.DEBUG


def test_rules_say_where_in_the_line_they_stand() -> None:
    """Without an origin each rule has its column, or line; a given origin is that of all."""
    ctx = cl.LoggingContext()
    config.configure_rules(ctx, "warn, a=debug,\nb=info")
    given = cl.Origin("environment", "OTEL_CTXLOG")
    config.configure_rules(ctx, "c=debug,d=info", origin=given)

    assert [str(one.origin) for one in ctx.statistics().rules] == [
        "environment OTEL_CTXLOG",
        "environment OTEL_CTXLOG",
        "text line 2",
        "text column 7",
    ]


def test_a_wrong_text_changes_nothing() -> None:
    """All or nothing: the generation is the same after an error."""
    ctx = cl.LoggingContext()
    before = ctx.generation

    with pytest.raises(config.ConfigError):
        config.configure_rules(ctx, "warn,a=debug,b=debgu")

    assert (ctx.generation, ctx.rules, ctx.default_level) == (before, (), cl.INFO)


INEXPRESSIBLE: list[config.Config] = [
    config.Config(None, [config.rule(1, config.attribute("a", value))])
    for value in ([1], {"a": 1}, float("inf"), float("nan"), dt.date(2020, 1, 1), b"x", 10**500)
] + [
    config.Config(None, [config.controlled(config.rule(1), sample=0.5)]),
    config.Config(eventers={"a": config.eventer("nop")}),
    config.Config(None, [config.rule(1, config.attribute("a", config.range_(float("-inf"))))]),
]


@pytest.mark.parametrize("written", INEXPRESSIBLE)
def test_what_one_line_cannot_say_is_an_error(written: config.Config) -> None:
    """Values of other kinds, and other elements, are refused with their path rather than written wrongly."""
    with pytest.raises(config.ConfigError, match=r"^(rules\[0\]|eventers).*: one line cannot say this: found "):
        config.format_rules(written)


# text, line, column, fragments of the first line
BROKEN: list[tuple[str, int, int, tuple[str, ...]]] = [
    ("warn,shop/db=debgu", 1, 14, ("unknown level 'debgu'", "did you mean 'Debug'?")),
    ("warm", 1, 1, ("unknown level 'warm'", "did you mean 'Warn'?", "realm=level")),
    ("shop/db", 1, 1, ("unknown level 'shop/db'", "a rule for a realm is realm=level")),
    ("warn,info", 1, 6, ("a second default level 'info', the first is in column 1",)),
    ("shop db=info", 1, 6, ("found 'd'; allowed: =, [ or /**",)),
    ("shop/*=debug", 1, 6, ("found '*' in a realm", "did you mean 'shop/**'?")),
    ("*=debug", 1, 1, ("found '*'", "a rule for everything is []=level")),
    ("/**=debug", 1, 1, ("found no realm before /**",)),
    ("[tenant=acme-*]=debug", 1, 9, ("found the pattern 'acme-*' after =", "did you mean '~acme-*'?")),
    ("[a=b=debug", 1, 5, ("found '='; allowed: a comma before the next condition, or ]",)),
    ("[a=]=debug", 1, 4, ("found ']'; allowed: a value, in quotes where",)),
    ("[bagage:a=1]=debug", 1, 2, ("unknown source 'bagage'", "did you mean 'baggage'?")),
    ('[a="x]=debug', 1, 4, ("has no end",)),
    ("[a='x]=debug", 1, 4, ("has no end",)),
    ("[a=1..x]=debug", 1, 4, ("found '1..x'; allowed: a range of numbers",)),
    ("[a=1|2..3]=debug", 1, 6, ("found a range among values",)),
    ("[a=5..1]=debug", 1, 4, ("min of a Range must not exceed max",)),
    ("[#]=debug", 1, 3, ("found ']'; allowed: the name of a tag",)),
    ('[#""]=debug', 1, 3, ("found an empty name",)),
    ("shop=debug@expire=15m", 1, 12, ("unknown control 'expire'", "did you mean 'expires'?")),
    ("shop=debug@expires=15x", 1, 20, ("found the text '15x'; allowed: a duration above 0",)),
    ("shop=debug@expires", 1, 12, ("found the truth value true; allowed: a duration",)),
    ("shop=debug@first=1@first=2", 1, 20, ("a second control 'first'",)),
    ("shop=debug@limit=(rat=1/s)", 1, 19, ("unknown key 'rat'", "did you mean 'rate'?")),
    ("shop=debug@limit=", 1, 18, ("found the end; allowed: a value",)),
    ("shop=debug@", 1, 12, ("found the end; allowed: a control: exemptEvents, expires",)),
    ("x=debug@sample=2", 1, 16, ("found the number 2; allowed: a number above 0, up to 1",)),
    ("shop=", 1, 6, ("found the end; allowed: a level",)),
    ("[a=~(]=debug", 1, 5, ("found '('; allowed: a regular expression, in quotes",)),
    ("[a=~'(']=debug", 1, 8, ("is no regular expression",)),
    ("[ayn(a,b)]=debug", 1, 2, ("unknown group 'ayn'", "did you mean 'any'?")),
    ("[sampled=true]=debug", 1, 9, ("allowed: sampled or unsampled alone",)),
    ("[realm]=debug", 1, 7, ("allowed: =, as in realm=shop",)),
    ("warn,,x=debug", 1, 6, ("found ','",)),
    ("shop=debug extra", 1, 12, ("found 'e'; allowed: a comma before the next rule",)),
    ('[a="\\x"]=debug', 1, 5, ("unknown escape",)),
    ('[spanname=""]=debug', 1, 11, ("must not be empty",)),
    ("a=debug,\n  [b=1 =debug", 2, 8, ("found '='",)),
    ("[" + "!" * 30 + "a]=debug", 1, 22, ("nested too deeply",)),
]


@pytest.mark.parametrize(("text", "line", "column", "fragments"), BROKEN)
def test_an_error_points_at_the_place(text: str, line: int, column: int, fragments: tuple[str, ...]) -> None:
    """Name, line and column, what was found, what is allowed, the nearest match, and a caret below the very place."""
    with pytest.raises(config.ConfigError) as caught:
        config.parse_rules(text, name="OTEL_CTXLOG")

    said, shown, caret = str(caught.value).split("\n")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert said.startswith(f"OTEL_CTXLOG:{line}:{column}: ")
    assert [part for part in fragments if part not in said] == []
    assert shown == "  " + text.split("\n")[line - 1]
    assert caret == "  " + " " * (column - 1) + "^"


def test_a_long_line_is_shown_around_the_place() -> None:
    """What is shown of a long line has the place in it, and the caret below it; wide characters count double."""
    text = ",".join(["日本=debug"] * 100) + ",x=debgu," + ",".join(["y=debug"] * 100)
    with pytest.raises(config.ConfigError) as caught:
        config.parse_rules(text)

    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 120
    width = sum(2 if character in "日本" else 1 for character in shown[: shown.index("debgu")])
    assert caret.index("^") == width


PIECES = [
    *("warn", "debug", "=", ",", "[", "]", "(", ")", "#", "!", "|", "~", "=~", '"', "'", "\\", "@", ":", "..", "/**"),
    *("shop/db", "any(", "all(", "baggage:", "spanname", "sampled", "realm=", "expires=15m", "limit=(rate=1/s)"),
    *("sample=0.10", "limit='0.10'", "1e999", "7" * 390, "<", ">", ";", "{", "}", "&", "!="),
    *("1", "-1.5", "a", " ", "\n", "*", "\\u0041", "\ud800", "日", "\x00", "first=0", "sample=2", "5..1"),
]


@settings(deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(st.characters(codec=None), max_size=20))
def test_any_text_is_valid_or_a_config_error_with_its_place(text: str) -> None:
    """Random texts raise nothing but ConfigError, with a place in the text; valid ones read back equal."""
    failed: config.ConfigError | None = None
    try:
        read = config.parse_rules(text)
    except config.ConfigError as error:
        failed = error
    else:
        assert config.parse_rules(config.format_rules(read)) == read
        assert config.load(read.to_yaml()) == read
    if failed is not None:
        lines = text.split("\n")
        assert failed.line is not None
        assert failed.column is not None
        assert 1 <= failed.line <= len(lines)
        assert 1 <= failed.column <= len(lines[failed.line - 1]) + 1


def test_a_text_that_is_no_text_is_refused() -> None:
    """A wrong type is a ConfigError as well; so is a text beyond what an environment variable can have."""
    wrong: Any = 5
    with pytest.raises(config.ConfigError, match="found the number 5 as one-line rules"):
        config.parse_rules(wrong)
    with pytest.raises(config.ConfigError, match="too long"):
        config.parse_rules("a" * 200_000)


def test_each_example_on_the_page_is_valid() -> None:
    """What docs/one-line-rules.md shows can be taken as it is, and reads back equal."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "one-line-rules.md").read_text(encoding="utf-8")
    table = page.partition("## Examples")[2].partition("\n## ")[0]
    shown = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    shown += [
        line.partition("'")[2].rstrip("'") for line in page.splitlines() if line.startswith("export OTEL_CTXLOG=")
    ]

    assert len(shown) >= 7
    for text in shown:
        read = config.parse_rules(text)
        assert config.parse_rules(config.format_rules(read)) == read


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("[a>5]=debug", 3, "numbers are compared by ranges"),
        ("[a<=5]=debug", 3, "numbers are compared by ranges"),
        ("[any(a!=5)]=debug", 7, "what is not equal is !name=value"),
        ("[a&b]=debug", 3, "a comma before the next condition"),
        ("shop[span{a=b}]=debug", 10, "a comma before the next condition"),
        ("warn;shop=debug", 5, "a comma after a level"),
        ("debug@expires=5m", 6, "that for everything is []=level@"),
        ("[a=1..1e999]=debug", 4, "a range of numbers"),
    ],
)
def test_what_other_languages_mean_is_no_name(text: str, column: int, words: str) -> None:
    """A comparison that was taken as a strange name would be a rule that never matches, without a word."""
    with pytest.raises(config.ConfigError) as caught:
        config.parse_rules(text)

    assert caught.value.column == column
    assert words in caught.value.problem


def test_numbers_of_controls_may_have_any_form() -> None:
    """0.10 is a text to a condition, as a version is, and a tenth to a control; in quotes it is a text to both."""
    (rule,) = config.parse_rules("[version=0.10]=debug@sample=0.10@limit=(rate=.5,burst=3)").rules

    assert rule == config.rule(
        "debug", config.attribute("version", "0.10"), sample=0.1, limit={"rate": 0.5, "burst": 3}
    )
    text = "x=debug@expires='90.0'"
    assert config.parse_rules(config.format_rules(config.parse_rules(text))) == config.parse_rules(text)


def test_blanks_may_stand_before_the_stars() -> None:
    """As between any two parts."""
    assert config.parse_rules("shop /** = debug, [realm = 'a b' /**] = info") == config.parse_rules(
        "shop/**=debug,[realm='a b'/**]=info"
    )


def test_long_numbers_read_back() -> None:
    """400 characters are a number, and one that is longer is a text; what is larger than that is not written."""
    for text in (f"[a={'7' * 400}]=debug", f"[a=-{'7' * 399}..]=debug", f"[a={'7' * 401}]=debug"):
        read = config.parse_rules(text)
        assert config.parse_rules(config.format_rules(read)) == read
    for number in (10**400, -(10**399), 1 << 20_000):
        for value in (config.value(number), config.range_(number)):
            with pytest.raises(config.ConfigError, match="one line cannot say this"):
                config.format_rules(config.Config(None, [config.rule("debug", config.attribute("a", value))]))
