"""LogQL and PromQL, as far as the dashboards and the guides speak them: parsed into a tree, or refused with a position.

It knows less than the real languages, so that what passes here is plain; and no function or operator that they lack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "Aggregation",
    "Binary",
    "Call",
    "Expression",
    "LabelFilter",
    "LineFilter",
    "LineFormat",
    "Matcher",
    "Number",
    "QueryError",
    "Selector",
    "Unwrap",
    "parse_logql",
    "parse_promql",
    "selectors",
]

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+)
  | (?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
  | (?P<duration>\d+(?:ms|[smhdw])(?:\d+(?:ms|[smhdw]))*)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<word>[A-Za-z_][A-Za-z0-9_:]*)
  | (?P<sign>\|=|\|~|!=|!~|=~|==|>=|<=|[{}()\[\],|=<>+\-*/])
    """,
    re.VERBOSE,
)
_AGGREGATIONS = frozenset({"sum", "count", "avg", "min", "max", "topk", "bottomk"})
_LOG_RANGES = frozenset({"count_over_time", "rate", "bytes_over_time", "bytes_rate", "absent_over_time"})
_UNWRAPPED_RANGES = frozenset({"sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "rate_counter"})
_METRIC_RANGES = frozenset({"rate", "increase", "irate", "delta"})
_COMPARISONS = ("=", "!=", "=~", "!~", "==", ">", ">=", "<", "<=")


class QueryError(ValueError):
    """Not a query: what was found, what is allowed, and where."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """``label="value"`` in braces."""

    label: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class LabelFilter:
    """``| label = "value"``: a stage over labels and structured metadata."""

    label: str
    operator: str
    value: str | float


@dataclass(frozen=True, slots=True)
class LineFilter:
    """``|= "text"``: a stage over the line."""

    operator: str
    text: str


@dataclass(frozen=True, slots=True)
class LineFormat:
    """``| line_format "template"``."""

    template: str


@dataclass(frozen=True, slots=True)
class Unwrap:
    """``| unwrap label``: its value is the sample."""

    label: str


Stage: TypeAlias = "LabelFilter | LineFilter | LineFormat | Unwrap"


@dataclass(frozen=True, slots=True)
class Selector:
    """What is looked at; `name` is a metric's, empty in LogQL; `range` is empty for none."""

    name: str
    matchers: tuple[Matcher, ...]
    stages: tuple[Stage, ...] = ()
    range: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A function over a range."""

    function: str
    argument: Selector


@dataclass(frozen=True, slots=True)
class Aggregation:
    """``sum by (labels) (expression)``; `labels` is None where it does not group; `most` is the number of `topk`."""

    operator: str
    labels: tuple[str, ...] | None
    argument: Expression
    most: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and an arithmetic sign."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


Expression: TypeAlias = "Selector | Call | Aggregation | Binary | Number"


def parse_logql(text: str) -> Expression:
    """Return the tree of a LogQL query, of lines or of a metric.

    Raises:
        QueryError: it is none.
    """
    return _Parser(text, logs=True).whole()


def parse_promql(text: str) -> Expression:
    """Return the tree of a PromQL query.

    Raises:
        QueryError: it is none.
    """
    return _Parser(text, logs=False).whole()


def selectors(expression: Expression) -> Iterator[Selector]:
    """Yield what an expression looks at, from left to right."""
    if isinstance(expression, Selector):
        yield expression
    elif isinstance(expression, Call | Aggregation):
        yield from selectors(expression.argument)
    elif isinstance(expression, Binary):
        yield from selectors(expression.left)
        yield from selectors(expression.right)


class _Parser:
    def __init__(self, text: str, *, logs: bool) -> None:
        self._text = text
        self._logs = logs
        self._tokens = list(_tokens(text))
        self._at = 0

    def whole(self) -> Expression:
        found = self._sum()
        if self._kind() != "end":
            raise self._error("an operator or the end")
        return found

    def _sum(self) -> Expression:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Expression:
        return self._chain(("*", "/"), self._operand)

    def _chain(self, signs: tuple[str, ...], operand: Callable[[], Expression]) -> Expression:
        left = operand()
        while self._kind() == "sign" and self._value() in signs:
            sign = self._next()
            right = operand()
            for side in (left, right):
                if isinstance(side, Selector) and (self._logs or side.range):
                    raise self._error("numbers or instant vectors on both sides")
            left = Binary(sign, left, right)
        return left

    def _operand(self) -> Expression:
        if self._kind() == "number":
            return Number(float(self._next()))
        if self._is("("):
            self._take("(")
            found = self._sum()
            self._take(")")
            return found
        if self._is("{"):
            return self._selector("")
        if self._kind() != "word":
            raise self._error("a selector, a function or a number")
        word = self._next()
        if word in _AGGREGATIONS:
            return self._aggregation(word)
        if self._is("("):
            return self._call(word)
        if self._logs:
            self._at -= 1
            raise self._error("a function of LogQL, or {labels}")
        return self._selector(word)

    def _aggregation(self, operator: str) -> Aggregation:
        labels: tuple[str, ...] | None = None
        if self._is("by"):
            self._next()
            self._take("(")
            labels = self._names()
            self._take(")")
        self._take("(")
        most = 0
        if operator in {"topk", "bottomk"}:
            if self._kind() != "number":
                raise self._error("a number")
            most = int(self._next())
            self._take(",")
        argument = self._sum()
        if isinstance(argument, Selector) and (self._logs or argument.range):
            raise self._error("an instant vector in the aggregation")
        self._take(")")
        return Aggregation(operator, labels, argument, most)

    def _call(self, function: str) -> Call:
        known = _LOG_RANGES | _UNWRAPPED_RANGES if self._logs else _METRIC_RANGES
        if function not in known:
            self._at -= 1
            raise self._error(f"one of {', '.join(sorted(known))}")
        self._take("(")
        if not self._is("{") and (self._logs or self._kind() != "word"):
            raise self._error("a selector")
        argument = self._selector("" if self._is("{") else self._next())
        if not argument.range:
            raise self._error("a range such as [5m]")
        unwraps = any(isinstance(stage, Unwrap) for stage in argument.stages)
        if self._logs and unwraps != (function in _UNWRAPPED_RANGES):
            raise self._error(f"{'no ' if unwraps else ''}unwrap inside of {function}")
        self._take(")")
        return Call(function, argument)

    def _selector(self, name: str) -> Selector:
        matchers: list[Matcher] = []
        if self._is("{"):
            self._take("{")
            while not self._is("}"):
                matchers.append(Matcher(self._word(), self._one_of("=", "!=", "=~", "!~"), self._string()))
                if not self._is("}"):
                    self._take(",")
            self._take("}")
        if not name and not any(_must_have_value(matcher) for matcher in matchers):
            raise self._error('a matcher that an empty value does not meet, such as service_name=~".+"')
        stages = tuple(self._stages()) if self._logs else ()
        span = ""
        if self._is("["):
            self._take("[")
            if self._kind() != "duration":
                raise self._error("a duration such as 5m")
            span = self._next()
            self._take("]")
        return Selector(name, tuple(matchers), stages, span)

    def _stages(self) -> Iterator[Stage]:
        while self._kind() == "sign" and self._value() in {"|", "|=", "!=", "|~", "!~"}:
            sign = self._next()
            if sign != "|":
                yield LineFilter(sign, self._string())
                continue
            word = self._word()
            if word == "line_format":
                yield LineFormat(self._string())
            elif word == "unwrap":
                yield Unwrap(self._word())
            else:
                operator = self._one_of(*_COMPARISONS)
                yield LabelFilter(word, operator, self._operand_of(operator))

    def _operand_of(self, operator: str) -> str | float:
        if self._kind() == "text" and operator in {"=", "!=", "=~", "!~"}:
            return self._string()
        if self._kind() == "number" and operator not in {"=~", "!~"}:
            return float(self._next())
        raise self._error("a text, or a number to compare with")

    def _names(self) -> tuple[str, ...]:
        found = [self._word()]
        while self._is(","):
            self._take(",")
            found.append(self._word())
        return tuple(found)

    def _word(self) -> str:
        if self._kind() != "word":
            raise self._error("a name")
        return self._next()

    def _string(self) -> str:
        if self._kind() != "text":
            raise self._error("a text in quotes")
        text = self._next()
        return text[1:-1] if text[0] == "`" else re.sub(r"\\(.)", r"\1", text[1:-1])

    def _one_of(self, *signs: str) -> str:
        if self._kind() != "sign" or self._value() not in signs:
            raise self._error(" or ".join(signs))
        return self._next()

    def _take(self, sign: str) -> None:
        if not self._is(sign):
            raise self._error(sign)
        self._at += 1

    def _is(self, value: str) -> bool:
        return self._kind() in {"sign", "word"} and self._value() == value

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _value(self) -> str:
        return self._tokens[self._at][1]

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _error(self, allowed: str) -> QueryError:
        _, value, position = self._tokens[self._at]
        found = repr(value) if value else "the end"
        return QueryError(f"position {position}: found {found}, allowed: {allowed}; in {self._text}")


def _must_have_value(matcher: Matcher) -> bool:
    """Return whether a label that is absent, so empty, does not match; Loki and Prometheus demand one such matcher."""
    if matcher.operator == "=":
        return matcher.value != ""
    if matcher.operator == "=~":
        return re.fullmatch(matcher.value, "") is None
    return matcher.operator == "!=" and matcher.value == ""


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise QueryError(f"position {position}: found {text[position]!r}, which no query has; in {text}")
        if match.lastgroup != "blank":
            yield str(match.lastgroup), match[0], position
        position = match.end()
    yield "end", "", position
