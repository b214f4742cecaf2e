"""One trace across services as a tree: spans, and the records where they were written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_ctxlog.console.colors import DIM, EVENT, NAME, color_of_severity, paint
from otel_ctxlog.questions.cells import cell, cut, pad, width
from otel_ctxlog.questions.otlp import severity_number
from otel_ctxlog.questions.table import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["tree"]

# Deeper ones stand below each other: the line is for the text.
_DEEPEST: Final = 24
_WIDEST_SERVICE: Final = 20


@dataclass(slots=True, eq=False)
class _Node:
    """A span or a record; what belongs to it is in `below`, in order of time."""

    what: str
    service: str
    severity: str
    name: str
    duration: float | None
    status: str
    span: str | None
    parent: str | None
    attributes: object
    time: int
    below: list[_Node] = field(default_factory=list["_Node"])


def tree(rows: Iterable[tuple[object, ...]], *, columns: int | None = None, color: bool = False) -> Iterator[str]:
    """Give the lines of a trace: time since its beginning, service, then spans with what happened in them.

    A record whose span is not there stands at the left, and so does a span whose parent is not.

    Args:
        rows: what `asking.Trace` answers, in order of time.
        columns: how wide a line may be; None for any width.
        color: whether there are colours.
    """
    nodes = [_node(row) for row in rows]
    roots = _linked(nodes)
    began = min((node.time for node in nodes if node.time), default=0)
    service = min(max((width(node.service) for node in nodes), default=0), _WIDEST_SERVICE)
    pending = [(root, 0) for root in reversed(roots)]
    while pending:
        node, depth = pending.pop()
        yield _line(node, depth, began, service, columns, color=color)
        pending.extend((child, depth + 1) for child in reversed(node.below))


def _node(row: tuple[object, ...]) -> _Node:
    _, what, service, severity, name, duration, status, _, span, parent, attributes, time = row
    is_span = what == "span"
    above = parent if is_span else span
    return _Node(
        what=str(what),
        service=cell(service),
        severity=cell(severity),
        name=cell(name),
        duration=duration if isinstance(duration, float) else None,
        status=cell(status),
        span=span if is_span and isinstance(span, str) else None,
        parent=above if isinstance(above, str) else None,
        attributes=attributes,
        time=time if isinstance(time, int) else 0,
    )


def _linked(nodes: list[_Node]) -> list[_Node]:
    """The nodes at the top, the others below their spans.

    Hostile or broken traces have spans that are parents of each other: the earliest of such a ring stands at the top.
    """
    spans: dict[str, _Node] = {}
    for node in nodes:
        if node.span is not None:
            spans.setdefault(node.span, node)
    _cut_rings(nodes, spans)
    roots: list[_Node] = []
    for node in nodes:
        parent = spans.get(node.parent) if node.parent is not None else None
        (roots if parent is None else parent.below).append(node)
    return roots


def _cut_rings(nodes: list[_Node], spans: dict[str, _Node]) -> None:
    done: set[int] = set()
    for node in nodes:
        path: dict[int, _Node] = {}
        at: _Node | None = node
        while at is not None and id(at) not in done:
            if id(at) in path:
                members = list(path.values())
                ring = members[members.index(at) :]
                min(ring, key=lambda member: member.time).parent = None
                break
            path[id(at)] = at
            at = spans.get(at.parent) if at.parent is not None else None
        done.update(path)


def _line(node: _Node, depth: int, began: int, service_width: int, columns: int | None, *, color: bool) -> str:
    offset = f"+{(node.time - began) / 1e6:,.1f} ms" if node.time else "?"
    head = f"{pad(offset, 12, right=True)}  {pad(cut(node.service, service_width), service_width)}  "
    is_span = node.what == "span"
    guides = "│ " * min(depth, _DEEPEST)
    if is_span:
        text = f"┌ {node.name}"
        if node.duration is not None:
            text += f", {node.duration:,.1f} ms"
        if node.status == "error":
            text += ", error"
    elif node.what == "event":
        text = f"{pad(cut(node.severity, 5), 5)} ◆ {node.name}"
    else:
        text = f"{pad(cut(node.severity, 5), 5)} {node.name}"
    rest = fields(node.attributes)
    rest = f"  {rest}" if rest else ""
    if columns is not None:
        room = max(columns - width(head) - len(guides), 8)
        text = cut(text, room)
        rest = cut(rest, room - width(text)) if room > width(text) else ""
    if color:
        head = paint(head, DIM)
        guides = paint(guides, DIM) if guides else ""
        if is_span:
            text = paint(text, "31" if node.status == "error" else NAME)
        else:
            text = paint(
                text, EVENT if node.what == "event" else color_of_severity(severity_number(None, node.severity))
            )
    return f"{head}{guides}{text}{rest}".rstrip()
