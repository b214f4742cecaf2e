"""`ControlledRule`, `Limit` and `First`: immutable values whose text evaluates, and errors that say what is allowed."""

from __future__ import annotations

import datetime as dt
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import otel_ctxlog as cl
from otel_ctxlog.engine.durations import duration_text, parse_duration

UTC = dt.timezone.utc
RULE = cl.ConditionRule(cl.DEBUG, cl.Realm("shop/db"))

limits = st.builds(
    cl.Limit,
    st.one_of(st.sampled_from(["100/s", "20/min", "5/h", "1000/d", "0.5/s"]), st.floats(0.001, 1e6)),
    burst=st.none() | st.integers(1, 1000),
    per=st.none() | st.sampled_from(["tenant", "user.id"]),
)
firsts = st.builds(
    cl.First, st.integers(1, 100), every=st.integers(0, 100), within=st.none() | st.floats(0.001, 1e6) | st.just("1m")
)
expiries = st.one_of(
    st.none(),
    st.floats(0.001, 1e6),
    st.sampled_from(["15m", "1h30m"]),
    st.datetimes(timezones=st.just(UTC)),
)
controlled = st.builds(
    cl.ControlledRule,
    st.just(RULE),
    expires=expiries,
    limit=st.none() | limits,
    sample=st.none() | st.floats(0.001, 1.0),
    first=st.none() | firsts,
    sampled_traces_only=st.booleans(),
    exempt_events=st.booleans(),
)


@given(controlled)
def test_the_text_of_a_rule_evaluates_to_an_equal_one(rule: cl.ControlledRule) -> None:
    """`repr` evaluates, equal rules have equal hashes, and pickling gives an equal one."""
    names = {"datetime": dt, **vars(cl), "ControlledRule": cl.ControlledRule, "Limit": cl.Limit, "First": cl.First}
    again = eval(repr(rule), names)

    assert again == rule
    assert hash(again) == hash(rule)
    assert pickle.loads(pickle.dumps(rule)) == rule


@given(st.floats(0.001, 1e8))
def test_a_duration_in_units_reads_back(seconds: float) -> None:
    """What `duration_text` writes, `parse_duration` reads."""
    assert parse_duration(duration_text(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("15m", 900), ("1h30m", 5400), ("250ms", 0.25), ("2d", 172800), (" 1h 5s ", 3605), (7, 7), (0.5, 0.5)],
)
def test_durations(text: object, seconds: float) -> None:
    """Numbers are seconds; texts have units."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("bad", ["", "m", "15 minutes", "-5s", 0, -1, True, None, "nan", float("inf"), "1h-5m", "5x"])
def test_what_is_no_duration_is_quoted(bad: object) -> None:
    """The error quotes what was found and says what is allowed."""
    with pytest.raises(ValueError, match="15m") as caught:
        parse_duration(bad)

    assert repr(bad) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rate", "burst"), [("100/s", 100.0, 100), ("30/min", 0.5, 1), ("5 / h", 5 / 3600, 1), (2.5, 2.5, 3)]
)
def test_rates(text: str | float, rate: float, burst: int) -> None:
    """A rate is records per second; the burst is that of one second, at least one."""
    limit = cl.Limit(text)

    assert limit.rate == pytest.approx(rate)
    assert limit.burst == burst


@pytest.mark.parametrize(
    "bad", ["", "100", "100/y", "/s", "x/s", "-1/s", 0, -1, True, None, float("nan"), float("inf")]
)
def test_what_is_no_rate_is_quoted(bad: object) -> None:
    """The error quotes what was found and says what is allowed."""
    with pytest.raises(ValueError, match="100/s") as caught:
        cl.Limit(bad)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    assert repr(bad) in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"expires": "soon"},
        {"expires": dt.datetime(2030, 1, 1)},
        {"expires": "2030-01-01T00:00:00"},
        {"sample": 0},
        {"sample": 1.5},
        {"sample": True},
        {"limit": "100"},
        {"first": 0},
        {"first": True},
        {"sampled_traces_only": 1},
        {"exempt_events": "yes"},
    ],
)
def test_what_is_no_control_is_refused(arguments: dict[str, object]) -> None:
    """Each argument is checked when the rule is made, and the error quotes what was found."""
    with pytest.raises(ValueError, match="but got") as caught:
        cl.ControlledRule(RULE, **arguments)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    assert repr(next(iter(arguments.values()))) in str(caught.value)


def test_a_controlled_rule_is_not_controlled_again() -> None:
    """One `ControlledRule` per rule: two would say twice when it ends."""
    with pytest.raises(TypeError, match="uncontrolled"):
        cl.ControlledRule(cl.ControlledRule(RULE))
    with pytest.raises(TypeError, match="match"):
        cl.ControlledRule("no rule")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_moments() -> None:
    """A moment may be given as text, with its zone."""
    rule = cl.ControlledRule(RULE, expires="2030-01-31T12:00:00Z")

    assert rule.expires == dt.datetime(2030, 1, 31, 12, tzinfo=UTC)
    assert rule == cl.ControlledRule(RULE, expires=dt.datetime(2030, 1, 31, 12, tzinfo=UTC))


def test_controls_do_not_count_for_superseding() -> None:
    """A rule with the same conditions takes the place of another, whatever the controls of both."""
    context = cl.LoggingContext()
    plain, limited = cl.ConditionRule(cl.DEBUG, cl.Realm("a")), cl.ControlledRule(RULE, limit=1)
    context.add_rule(plain, limited)
    context.add_rule(cl.ControlledRule(cl.ConditionRule(cl.TRACE, cl.Realm("a")), sample=0.5))
    context.add_rule(cl.ConditionRule(cl.INFO, cl.Realm("shop/db")))

    assert [str(rule) for rule in context.rules] == [
        "ConditionRule(3, Realm(name='shop/db'))",
        "ControlledRule(ConditionRule(5, Realm(name='a')), sample=0.5)",
    ]
