"""Odd messages, values without end and extreme numbers: limits hold, and no record is lost to what asks them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

import otel_ctxlog as cl
from otel_ctxlog.engine import governor

REALM = cl.Realm("shop")


class Sink:
    """Keeps body and attributes of what it gets."""

    def __init__(self) -> None:
        self.records: list[tuple[object, dict[str, object]]] = []

    def enabled(self, level: int) -> bool:
        return True

    def emit(self, **record: object) -> None:
        self.records.append((record["body"], dict(record["attributes"])))  # type: ignore[call-overload] # pyright: ignore[reportUnknownArgumentType, reportArgumentType, reportCallIssue]


def _context(**controls: object) -> tuple[cl.LoggingContext, Sink]:
    sink = Sink()
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ControlledRule(cl.ConditionRule(cl.DEBUG, REALM), **controls))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    return ctx, sink


class NeitherTrueNorFalse:
    """Like an array: nobody may ask whether it is true."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __bool__(self) -> bool:
        raise ValueError(self.text)

    def __str__(self) -> str:
        return self.text


def test_a_message_is_not_asked_whether_it_is_true() -> None:
    """An object as message of `logging` is counted by its text."""
    ctx, sink = _context(first=1)
    for text in ("a", "b", "a"):
        ctx.std_logger(REALM).info(NeitherTrueNorFalse(text))
        ctx.logger(REALM).info(NeitherTrueNorFalse(text + "!"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    assert [body for body, _ in sink.records] == ["a", "a!", "b", "b!"]


@pytest.mark.parametrize("controls", [{"limit": cl.Limit("1/h")}, {"first": 1}])
def test_nothing_is_computed_for_what_is_held_back(controls: dict[str, object]) -> None:
    """A lazy value of an event or a call is asked for only where the record goes out; events count by their type."""
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        return 1

    lazy = cl.Lazy(ask)
    ctx, sink = _context(**controls)
    eventer = cl.OTelEventer(ctx, messages=(REALM,))
    for number in range(3):
        eventer.event("bought", lazy=lazy, number=number)
        if "first" in controls:
            ctx.logger(REALM).info("m", lazy=lazy)

    assert len(asked) == len(sink.records) == (2 if "first" in controls else 1)


def test_values_that_share_a_hash_share_no_bucket() -> None:
    """-1 and -2 have one hash in Python; lists of one length have one key; 1 and 1.0 are equal."""
    ctx, sink = _context(limit=cl.Limit("1/h", per="key"))
    for key in (-1, -2, 1, 1.0, True, "1", [1, 2], [1, 3], [1, 2]):
        ctx.logger(REALM).info("m", key=key)

    assert [attributes["key"] for _, attributes in sink.records] == [-1, -2, 1, True, "1", [1, 2], [1, 3]]


def test_a_full_table_takes_new_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that are gone make room though they were held back once; what they had to tell, another record tells."""
    now = [1000.0]
    monkeypatch.setattr(governor, "_MOST_BUCKETS", 4)
    monkeypatch.setattr(governor, "monotonic", lambda: now[0])
    ctx, sink = _context(limit=cl.Limit("1/s", per="tenant"))
    for _ in range(2):
        for number in range(4):
            ctx.logger(REALM).info("m", tenant=f"old{number}")
    now[0] += 10
    for number in range(3):
        ctx.logger(REALM).info("m", tenant=f"new{number}")

    told = [attributes.get("otel_ctxlog.suppressed", 0) for _, attributes in sink.records]
    assert told == [0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    "made",
    [
        lambda: cl.Limit(1e-320),
        lambda: cl.Limit(10**400),
        lambda: cl.Limit(1, burst=10**400),
        lambda: cl.ControlledRule(cl.ConditionRule(4), sample=1e-320),
        lambda: cl.ControlledRule(cl.ConditionRule(4), expires=10**400),
        lambda: cl.ControlledRule(cl.ConditionRule(4), limit=float("nan")),
    ],
)
def test_extremes_are_refused_where_they_are_given(made: Callable[[], object]) -> None:
    """A number with which no limit can count is an error of whoever gives it, not of what adds the rule."""
    with pytest.raises(ValueError, match="must be"):
        made()


def test_the_most_extreme_that_is_allowed_works() -> None:
    """A hundred years, a millisecond, the smallest rate and sample, the largest burst."""
    ctx, sink = _context(expires="36500d", limit=cl.Limit(1e-9, burst=1), sample=1)
    for _ in range(3):
        ctx.logger(REALM).info("m")
    text = str(ctx.explain(REALM))
    ctx.reset_rules()
    ctx.audit("ruleAdded", until=1e300)
    for controls in ({"limit": cl.Limit(1e9, burst=10**9)}, {"sample": 2.0**-56}, {"expires": "1ms"}):
        _context(**controls)[0].logger(REALM).info("m")

    assert [body for body, _ in sink.records] == ["m", "rule added"]
    assert "36500d" in text
    assert "1e+300" in str(ctx.audit_trail()[0])


def test_hostile_values_lose_no_record(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever an attribute does that a limit counts by, the record goes out, or is held back by the limit."""

    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise OSError

        def __hash__(self) -> int:
            raise OSError

        def __repr__(self) -> str:
            raise OSError

        __str__ = __repr__

    ctx, sink = _context(limit=cl.Limit("1/h", burst=1, per="key"), first=5)
    with caplog.at_level(logging.ERROR, "otel_ctxlog"):
        for value in (Hostile(), [Hostile()], {"a": Hostile()}):
            ctx.logger(REALM).info("m", key=value)
            ctx.record_writer(REALM).write(cl.INFO, {"body": value}, attributes={"key": value})
    lost = [record.getMessage() for record in caplog.records if "lost" in record.getMessage()]

    assert lost == []
    assert len(sink.records) + sum(ctx.statistics().rules[0].suppressed.values()) == 6
