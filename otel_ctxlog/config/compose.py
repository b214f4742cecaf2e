"""YAML text to plain data, with the position of every node.

Read from the parser's events without recursion: depth, aliases and size are checked before anything is built from
them. An alias stands for the same object as its anchor, never for a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, cast

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from otel_ctxlog.config.kinds import is_dict, is_list, is_sequence, is_set
from otel_ctxlog.config.limits import MAX_LEVELS, MAX_NODES, too_deep, too_many
from otel_ctxlog.config.places import Mark, Marks, Place, join_path
from otel_ctxlog.config.scalars import ALLOWED_TAGS, MERGE_TAG, STANDARD_PREFIX, scalar_tag, scalar_value, tag_name
from otel_ctxlog.config.wording import describe, short, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["compose"]

_MAPPING: Final = STANDARD_PREFIX + "map"
_SET: Final = STANDARD_PREFIX + "set"
_SEQUENCE: Final = STANDARD_PREFIX + "seq"
_PAIRS: Final = frozenset({STANDARD_PREFIX + "omap", STANDARD_PREFIX + "pairs"})

# libyaml is some 15 times faster than the parser in Python and gives the same positions. Its messages say less.
_FAST_LOADER: Final[type[yaml.SafeLoader] | None] = cast(
    "type[yaml.SafeLoader] | None", getattr(yaml, "CSafeLoader", None)
)


class _Node(NamedTuple):
    data: object
    mark: Mark
    weight: int
    height: int
    tag: str


class _Open:
    """A collection whose end has not been read yet."""

    __slots__ = ("anchor", "height", "items", "keys", "mapping", "mark", "merged", "pending", "tag", "weight")

    def __init__(self, *, tag: str, mark: Mark, anchor: str | None, mapping: bool) -> None:
        self.tag = tag
        self.mark = mark
        self.anchor = anchor
        self.mapping = mapping
        self.weight = 1
        self.height = 0
        self.items: list[_Node] = []
        self.keys: dict[object, Mark] = {}
        self.pending: _Node | None = None
        self.merged: _Node | None = None


class _Composer:
    """Builds the data of one document from its events."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._open: list[_Open] = []
        self._anchors: dict[str, _Node | None] = {}
        self._root: _Node | None = None
        self._documents = 0

    def read(self, events: Iterator[Event]) -> tuple[object, Mark | None]:
        """The data of the document and its position; None, None if there is none."""
        for event in events:
            if isinstance(event, ScalarEvent):
                self._add(self._scalar(event), event.anchor)
            elif isinstance(event, CollectionStartEvent):
                self._start(event)
            elif isinstance(event, CollectionEndEvent):
                closed = self._open[-1]
                node = self._close(closed)
                self._open.pop()
                self._add(node, closed.anchor)
            elif isinstance(event, AliasEvent):
                self._add(self._alias(event), None)
            elif isinstance(event, DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise self._place(_mark(event), inside=False).error(
                        "found a second document; allowed: one document in a configuration"
                    )
        return (None, None) if self._root is None else (self._root.data, self._root.mark)

    def _scalar(self, event: ScalarEvent) -> _Node:
        mark = _mark(event)
        if not event.value and event.implicit[0] and self._open and self._open[-1].pending is not None:
            # A value of which nothing is written stands where its key does; the two parsers differ here.
            mark = self._open[-1].pending.mark
        tag = scalar_tag(event.tag, text=event.value, implicit=event.implicit)
        try:
            return _Node(scalar_value(tag, event.value), mark, 1, 0, tag)
        except ValueError as error:
            raise self._place(mark).error(str(error)) from error

    def _start(self, event: CollectionStartEvent) -> None:
        mark = _mark(event)
        mapping = isinstance(event, MappingStartEvent)
        if len(self._open) >= MAX_LEVELS:
            raise too_deep(self._place(mark))
        tag = event.tag
        if tag is None or tag == "!":
            tag = _MAPPING if mapping else _SEQUENCE
        elif not (tag in (_MAPPING, _SET) if mapping else tag == _SEQUENCE or tag in _PAIRS):
            kind = "a mapping" if mapping else "a list"
            raise self._place(mark).error(
                f"the tag {short(tag_name(tag))} does not fit {kind}; allowed: {ALLOWED_TAGS}"
            )
        anchor: str | None = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        self._open.append(_Open(tag=tag, mark=mark, anchor=anchor, mapping=mapping))

    def _alias(self, event: AliasEvent) -> _Node:
        mark = _mark(event)
        name = cast("str", event.anchor)
        if name not in self._anchors:
            raise self._place(mark).error(f"not YAML: the alias {short(name)} has no anchor before it")
        node = self._anchors[name]
        if node is None:
            raise self._place(mark).error(
                f"the alias {short(name)} is inside its own anchor; allowed: a finite structure"
            )
        if len(self._open) + node.height > MAX_LEVELS:
            raise too_deep(self._place(mark))
        # The data keep the position of the anchor; what is wrong with the alias itself is said where it stands.
        return node._replace(mark=mark) if node.height == 0 else node

    def _add(self, node: _Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        parent.weight += node.weight
        if parent.weight > MAX_NODES:
            raise too_many(self._place(parent.mark))
        parent.height = max(parent.height, node.height)
        if not parent.mapping:
            parent.items.append(node)
        elif parent.pending is None:
            self._check_key(parent, node)
            parent.pending = node
        else:
            key, parent.pending = parent.pending, None
            if key.tag == MERGE_TAG:
                parent.merged = node
            else:
                parent.keys[key.data] = key.mark
                parent.items.append(node)

    def _check_key(self, parent: _Open, node: _Node) -> None:
        key = node.data
        if is_dict(key) or is_sequence(key) or is_set(key) or key != key:  # noqa: PLR0124 - NaN
            raise self._place(node.mark).error(
                f"found {describe(key)} as a key; allowed: texts and other simple values"
            )
        if node.tag == MERGE_TAG:
            if parent.merged is not None:
                raise self._place(node.mark, key="<<").error("duplicate key '<<'; allowed: each key once")
        elif key in parent.keys:
            first = parent.keys[key]
            raise self._place(node.mark, key=key).error(
                f"duplicate key {short(key)}, first at {first.line}:{first.column}; allowed: each key once"
            )

    def _close(self, closed: _Open) -> _Node:
        data: object
        if closed.mapping:
            data = self._mapping(closed)
        elif closed.tag in _PAIRS:
            data = [self._pair(node, index) for index, node in enumerate(closed.items)]
        else:
            data = [node.data for node in closed.items]
            self._marks.add(data, mark=closed.mark, keys={}, items=[node.mark for node in closed.items])
        return _Node(data, closed.mark, closed.weight, closed.height + 1, closed.tag)

    def _mapping(self, closed: _Open) -> dict[object, object] | set[object]:
        data: dict[object, object] = {}
        keys: dict[object, Mark] = {}
        items: dict[object, Mark] = {}
        for source in self._merge_sources(closed):
            entry = self._marks.entry(source)
            for key, value in source.items():
                data[key] = value
                if entry is not None and isinstance(entry.items, dict):
                    keys[key] = entry.keys[key]
                    items[key] = entry.items[key]
        for (key, mark), node in zip(closed.keys.items(), closed.items, strict=True):
            data[key] = node.data
            keys[key] = mark
            items[key] = node.mark
        if closed.tag == _SET:
            for key, value in data.items():
                if value is not None:
                    raise self._place(items.get(key, closed.mark), key=key).error(
                        f"found {describe(value)} as the value of a member of a set; allowed: keys without values"
                    )
            return set(data)
        self._marks.add(data, mark=closed.mark, keys=keys, items=items)
        return data

    def _merge_sources(self, closed: _Open) -> list[dict[object, object]]:
        """The mappings of the key ``<<``, those that win last."""
        merged = closed.merged
        if merged is None:
            return []
        data = merged.data
        sources: list[dict[object, object]] = []
        for source in data if is_list(data) else [data]:
            if not is_dict(source):
                raise self._place(merged.mark, key="<<").error(
                    f"found {describe(source)} to merge; allowed: a mapping or a list of mappings"
                )
            sources.append(source)
        return sources[::-1]

    def _pair(self, node: _Node, index: int) -> list[object]:
        data = node.data
        if not is_dict(data) or len(data) != 1:
            raise self._place(node.mark, key=index).error(
                f"found {describe(data)} in a list of pairs; allowed: mappings with exactly one key"
            )
        ((key, value),) = data.items()
        return [key, value]

    def _place(self, mark: Mark, *, key: object = None, inside: bool = True) -> Place:
        """The place of `mark`, its path read from the collections that are open."""
        path = ""
        for collection in self._open if inside else []:
            last = collection is self._open[-1]
            if not collection.mapping:
                path = join_path(path, key if last and key is not None else len(collection.items))
            elif collection.pending is not None:
                path = join_path(path, collection.pending.data)
            elif last and key is not None:
                path = join_path(path, key)
        return Place(self._marks, path, mark)


def compose(text: str, marks: Marks) -> tuple[object, Mark | None]:
    """The plain data of a YAML text, and the position of its outermost node; None, None for an empty text.

    Raises:
        ConfigError: the text is not YAML, has duplicate keys, tags that are not allowed or several documents, or is
            too deep or too large.
    """
    if _FAST_LOADER is not None:
        try:
            return _Composer(marks).read(_events(text, _FAST_LOADER))
        except _ParseError:
            pass
    try:
        return _Composer(marks).read(_events(text, yaml.SafeLoader))
    except _ParseError as error:
        raise _not_yaml(error.reason, marks) from error.reason


class _ParseError(Exception):
    """The parser gave up; `reason` is what it raised."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _events(text: str, loader: type[yaml.SafeLoader]) -> Iterator[Event]:
    events = yaml.parse(text, loader)
    while True:
        try:
            event = next(events, None)
        except Exception as error:  # PyYAML raises more than its own errors: ValueError, UnicodeError
            raise _ParseError(error) from error
        if event is None:
            return
        yield event


def _not_yaml(reason: Exception, marks: Marks) -> Exception:
    mark: Mark | None = None
    text = str(reason)
    if isinstance(reason, yaml.MarkedYAMLError):
        found = reason.problem_mark or reason.context_mark
        if found is not None:
            mark = Mark(found.line + 1, found.column + 1)
        text = ": ".join(part for part in (reason.context, reason.problem) if part)
        began = reason.context_mark
        if began is not None and found is not None and (began.line, began.column) != (found.line, found.column):
            text += f" (it began at {began.line + 1}:{began.column + 1})"
    return Place(marks, "", mark).error(f"not YAML: {tidy(text)}")


def _mark(event: Event) -> Mark:
    start = event.start_mark
    return Mark(1, 1) if start is None else Mark(start.line + 1, start.column + 1)
