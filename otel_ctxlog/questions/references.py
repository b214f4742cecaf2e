"""What a piece of SQL refers to, so that only that has to be kept of a million records.

DuckDB itself parses it. Names with dots, like ``http.route``, which SQL reads as a column of a table, are put in quotes
where they are attributes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from otel_ctxlog.questions.database import LOG_COLUMNS, SPAN_COLUMNS, VIEWS, identifier
from otel_ctxlog.questions.problem import QuestionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from otel_ctxlog.questions.database import Database

__all__ = ["OF_LOGS", "OF_SPANS", "References", "of_one_view", "of_views", "quote_chains", "references"]

OF_LOGS: Final = {name.lower(): name for name, *_ in LOG_COLUMNS}
"""The columns that the views `logs` and `events` always have, by their names in lower case: SQL knows no other."""

OF_SPANS: Final = {name.lower(): name for name, *_ in SPAN_COLUMNS}
"""The same of the view `spans`."""

_ALL: Final = {**OF_LOGS, **OF_SPANS}

_SERIALIZE: Final = "SELECT json_serialize_sql(?::VARCHAR)"

# Text in which names are no names, then chains of names.
_TOKEN: Final = re.compile(
    r"""
      (?P<other> [eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
        | --[^\n]* | /\*.*?\*/ | \$(\w*)\$.*?\$\2\$ | \d[\w.]* )
    | (?P<chain> [^\W\d]\w* (?:\.[^\W\d]\w*)+ ) (?P<call> \s*\( )?
    | (?P<word> [^\W\d]\w* )
    """,
    re.VERBOSE | re.DOTALL,
)

# An attribute may have a name that SQL uses itself.
_NAME: Final = re.compile(r"(?P<word>[^\W\d]\w*)(?:[.-]\w+)*")
_WORD_BEFORE: Final = re.compile(r"\b[^\W\d]\w*(?:\s+(?:is|not|in|like|ilike|null|between))*\s*$", re.IGNORECASE)
_NEAR: Final = re.compile('at or near "(.+)"')
_OPERATORS: Final = frozenset({"select", "and", "or", "not", "in", "is", "isnull", "notnull", "null", "like", "ilike"})


@dataclass(frozen=True, slots=True)
class References:
    """What a SELECT refers to.

    Attributes:
        tables: the tables, views or functions in FROM, in lower case.
        aliases: all names that stand for a table, in lower case.
        columns: the fixed columns that it may look at.
        attributes: names that may be attributes, in the order found.
    """

    tables: frozenset[str]
    aliases: frozenset[str]
    columns: frozenset[str]
    attributes: tuple[str, ...]


def references(database: Database, sql: str, *, what: str) -> References:
    """Return what a SELECT refers to.

    Raises:
        QuestionError: it is no single SELECT; `what` says where it stands.
    """
    try:
        parsed: object = json.loads(database.text(_SERIALIZE, sql))
    except RecursionError:
        raise QuestionError(f"{what} is nested too deeply") from None
    if not isinstance(parsed, dict):
        raise QuestionError(f"{what} was not understood")
    tree = cast("dict[str, object]", parsed)
    if tree.get("error"):
        if tree.get("error_type") == "not implemented":
            raise QuestionError(f"{what} must be a SELECT")
        raise QuestionError(f"{what}: {tree.get('error_message')}{_hint(database, sql, tree)}")
    statements = tree.get("statements")
    if not isinstance(statements, list) or len(cast("list[object]", statements)) != 1:
        raise QuestionError(f"{what} must be one SELECT")
    return _collected(cast("list[object]", statements)[0])


def _hint(database: Database, sql: str, error: dict[str, object]) -> str:
    """Where a word that SQL uses itself stands at the error, or right before it: quotes make it an attribute."""
    near, position = _NEAR.search(str(error.get("error_message"))), str(error.get("position"))
    if near is None or not position.isdigit():
        return ""
    # DuckDB 1 counts characters, DuckDB 2 bytes.
    places = (int(position), len(sql.encode()[: int(position)].decode(errors="replace")))
    at = next((place for place in places if sql.startswith(near[1], place)), len(sql))
    starts = [at]
    if word := _WORD_BEFORE.search(sql[:at]):
        starts.append(word.start())
    kinds = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
    reserved = {row[0] for row in database.rows(kinds)} - _OPERATORS
    for start in starts:
        name = _NAME.match(sql, start)
        if name and name["word"].lower() in reserved:
            return f"\n(SQL uses {name['word']} itself; the attribute is written in quotes: {identifier(name[0])})"
    return ""


def _collected(statement: object) -> References:
    tables: set[str] = set()
    aliases: set[str] = set()
    columns: set[str] = set()
    chains: dict[tuple[str, ...], None] = {}
    everything = False
    for node in _nodes(statement):
        kind = node.get("type")
        if kind == "BASE_TABLE":
            tables.add(str(node.get("table_name")).lower())
        if kind in ("STAR", "POSITIONAL_REFERENCE") or node.get("ref_type") == "NATURAL":
            everything = True
        # Expressions have a class, tables have none.
        if "class" not in node:
            aliases.update(str(node[key]).lower() for key in ("alias", "table_name") if node.get(key))
        for key in ("column_names", "using_columns"):
            names = node.get(key)
            if isinstance(names, list):
                chain = tuple(str(name) for name in cast("list[object]", names))
                # A join's columns are several names, a reference's are one name in parts.
                chains.update(dict.fromkeys([(name,) for name in chain] if key == "using_columns" else [chain]))
    attributes: dict[str, None] = {}
    for chain in chains:
        if len(chain) == 1 and chain[0].lower() in tables | aliases:
            everything = True
        columns.update(_ALL[name.lower()] for name in chain if name.lower() in _ALL)
        for start in range(len(chain)):
            name = ".".join(chain[start:])
            if name.lower() not in OF_LOGS or name.lower() not in OF_SPANS:
                attributes[name] = None
    return References(
        frozenset(tables),
        frozenset(tables | aliases),
        frozenset(_ALL.values()) if everything else frozenset(columns),
        tuple(attributes),
    )


def _nodes(tree: object) -> Iterator[dict[str, object]]:
    pending = [tree]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            node = cast("dict[str, object]", current)
            yield node
            # Reversed, so that what stands first is found first.
            pending.extend(reversed(list(node.values())))
        elif isinstance(current, list):
            pending.extend(reversed(cast("list[object]", current)))


def quote_chains(sql: str, quoted: Callable[[tuple[str, ...]], str | None]) -> str:
    """Return SQL in which names with dots are replaced by what `quoted` makes of their parts, if it is not None.

    Texts, comments, names in quotes and functions stay as they are.
    """

    def replaced(match: re.Match[str]) -> str:
        chain = match["chain"]
        if chain is None or match["call"] is not None:
            return match[0]
        new = quoted(tuple(chain.split(".")))
        return chain if new is None else new

    return _TOKEN.sub(replaced, sql)


def of_one_view(chain: tuple[str, ...]) -> str | None:
    """Quote a chain where only one view is asked: all of it is an attribute, unless it names the view."""
    if chain[0].lower() in VIEWS:
        chain = chain[1:]
    return identifier(".".join(chain))


def of_views(found: References, attributes: Collection[str]) -> Callable[[tuple[str, ...]], str | None]:
    """Quote chains in a whole SELECT: those that are attributes which records have."""

    def quoted(chain: tuple[str, ...]) -> str | None:
        if chain[0].lower() in found.aliases:
            name = ".".join(chain[1:])
            return f"{chain[0]}.{identifier(name)}" if len(chain) > 2 and name in attributes else None  # noqa: PLR2004
        name = ".".join(chain)
        return identifier(name) if name in attributes else None

    return quoted
