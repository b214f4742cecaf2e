"""Failure messages: what was wanted, what came nearest, what was logged, and what was suppressed and why."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from otel_ctxlog.engine.messages import value_matches
from otel_ctxlog.testing.record import CapturedRecord
from otel_ctxlog.testing.selection import Selection
from otel_ctxlog.testing.suppressed import Reason, SuppressedCall
from otel_ctxlog.testing.wording import shown

__all__ = ["Evidence", "listing"]

_MOST: Final = 30
"""Lines of a list that are shown."""
_REASONS: Final = 5
"""Suppressed calls that are shown with their reason."""
_NEAREST: Final = 3

Found: TypeAlias = "CapturedRecord | SuppressedCall"


def listing(title: str, lines: Sequence[str], *, lost: int = 0) -> list[str]:
    """Return a list with its title; the middle is left out where it is long.

    Args:
        title: what is listed.
        lines: the list.
        lost: how many more there were.
    """
    more = f", and {lost} before that are not kept" if lost else ""
    if not lines:
        return [f"{title}: nothing{more}"]
    indented = [f"  {line}" for line in lines]
    if len(indented) > _MOST:
        half = _MOST // 2
        indented[half:-half] = [f"  … {len(indented) - 2 * half} more …"]
    return [f"{title} ({len(lines)}{more}):", *indented]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a failure message can show.

    Attributes:
        records: what was logged, each with what says why.
        suppressed: the calls that left no record.
        records_lost: how many records were not kept.
        suppressed_lost: how many suppressed calls were not kept.
    """

    records: Sequence[tuple[CapturedRecord, Callable[[], Reason] | None]]
    suppressed: Sequence[SuppressedCall]
    records_lost: int = 0
    suppressed_lost: int = 0

    def missing(self, wanted: Selection, *, expected: str, found: Sequence[CapturedRecord]) -> str:
        """Return the message for records that are missing.

        Args:
            wanted: what was wanted.
            expected: how many of it: ``"a"`` for at least one.
            found: those that were there.
        """
        article = "no" if expected == "a" else f"expected {expected}"
        ending = "" if expected == "a" else f", but got {len(found)}"
        lines = [f"{article} {_kind(wanted, expected)}{_where(wanted)}{ending}"]
        stopped = [call for call in self.suppressed if wanted.matches(call)]
        if stopped:
            that = "a call that matches was" if len(stopped) == 1 else f"{len(stopped)} calls that match were"
            lines += ["", f"{that} suppressed:"]
            for call in stopped[-_REASONS:]:
                lines += _with_reason(call)
            if len(stopped) > _REASONS:
                lines.append(f"  … and {len(stopped) - _REASONS} before")
        elif not found:
            lines += [*self._as_event(wanted), *self._nearest(wanted)]
        return "\n".join([*lines, "", *self.everything()])

    def unwanted(self, wanted: Selection, *, expected: str, found: Sequence[CapturedRecord]) -> str:
        """Return the message for records that should not be there; the arguments are those of `missing`."""
        lines = [f"expected {expected} {_kind(wanted, expected)}{_where(wanted)}, but got {len(found)}:"]
        reasons = {id(record): why for record, why in self.records}
        for record in found[:_REASONS]:
            lines.append(f"  {record}")
            why = reasons.get(id(record))
            if why is not None:
                lines.append(textwrap.indent(why().text, "    "))
        if len(found) > _REASONS:
            lines.append(f"  … and {len(found) - _REASONS} more")
        return "\n".join([*lines, "", *self.everything()])

    def everything(self) -> list[str]:
        """Return the lists of all that was logged and all that was suppressed."""
        lines = listing("logged", [str(record) for record, _ in self.records], lost=self.records_lost)
        lines += listing("suppressed", [str(call) for call in self.suppressed], lost=self.suppressed_lost)
        return [*lines, _NOT_LISTED] if _is_logging_bridged() else lines

    def _as_event(self, wanted: Selection) -> list[str]:
        """Return a hint where a log record was wanted, and there is an event whose type is the message."""
        if wanted.events is not False or wanted.message is None:
            return []
        if not any(
            record.event_type is not None and value_matches(wanted.message, record.event_type)
            for record, _ in self.records
        ):
            return []
        return ["", f"there is an event of this type: assert_event({shown(wanted.message)})"]

    def _nearest(self, wanted: Selection) -> list[str]:
        candidates: list[Found] = [record for record, _ in self.records if wanted.concerns(record)]
        candidates += [call for call in self.suppressed if wanted.concerns(call)]
        wishes = sum(wish is not None for wish in (wanted.message, wanted.level, wanted.realm, wanted.name))
        wishes += sum(wish is not None for wish in (wanted.type, wanted.exception)) + len(wanted.attributes)
        ranked = sorted(
            ((*wanted.distance(found), number, found) for number, found in enumerate(candidates)),
            key=lambda entry: entry[:3],
        )
        # What has nothing in common with it is no help.
        near = [found for missed, unlike, _, found in ranked if missed < wishes or unlike < _ALIKE][:_NEAREST]
        if not near:
            return []
        lines = ["", "nearest:"]
        for found in near:
            lines.append(f"  {_marked(found)}")
            lines += [f"    {difference}" for difference in wanted.differences(found)]
            if isinstance(found, SuppressedCall):
                lines.append(textwrap.indent(found.reason, "    "))
        return lines


_ALIKE: Final = 0.5
_NOT_LISTED: Final = "  calls of logging that the rules stop are not listed"
_BRIDGE: Final = "otel_ctxlog.bridges.stdlib.bridge"


def _is_logging_bridged() -> bool:
    # Whoever has installed the bridge has loaded it.
    if _BRIDGE not in sys.modules:
        return False
    from otel_ctxlog.bridges.stdlib.bridge import ACTIVE

    return ACTIVE.bridge is not None


def _kind(wanted: Selection, number: str) -> str:
    return wanted.kind if number in ("a", "no", "1") else wanted.several


def _where(wanted: Selection) -> str:
    described = str(wanted)
    return f" with {described}" if described else ""


def _marked(found: Found) -> str:
    return f"{found}" if isinstance(found, CapturedRecord) else f"suppressed: {found}"


def _with_reason(call: SuppressedCall) -> list[str]:
    return [f"  {call}", textwrap.indent(call.reason, "    ")]
