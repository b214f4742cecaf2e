"""`otel-ctxlog spool PATH drain`: send what dead processes left."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_ctxlog.delivery.reasons import shorten
from otel_ctxlog.delivery.request import assemble

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Sequence

    from otel_ctxlog.delivery.protocols import Transport
    from otel_ctxlog.delivery.spool.entries import Encoded
    from otel_ctxlog.delivery.spool.inspecting import SpoolView

__all__ = ["drain"]

_BATCH_RECORDS: Final = 512
_BATCH_BYTES: Final = 1 << 20
_FIRST_PAUSE: Final = 0.25
_MAX_PAUSE: Final = 5.0
_INTERRUPTED: Final = 130


class _StoppedError(Exception):
    """Nothing more can be delivered; the text says why."""


@dataclass(slots=True)
class _Sender:
    """Delivers records, again and again where the receiver wants that, and counts."""

    transport: Transport
    timeout: float
    discard: bool
    sent: int = 0
    rejected: int = 0
    discarded: int = 0

    def deliver(self, records: Sequence[Encoded]) -> None:
        """Return when the receiver has said its last word about each record.

        Raises:
            _StoppedError: it has not, and will not.
        """
        pause, end = _FIRST_PAUSE, time.monotonic() + self.timeout
        request = assemble([((resource, scope), record) for resource, scope, record in records])
        while True:
            answer = self.transport.send(request, min(self.timeout, 10.0))
            if answer.outcome == "accepted":
                self.sent += len(records) - answer.rejected
                self.rejected += answer.rejected
                return
            if answer.outcome == "misdirected":
                raise _StoppedError(shorten(answer.reason))
            if answer.outcome in ("too_large", "refused", "failed"):
                self._refused(records, shorten(answer.reason))
                return
            pause = min(_MAX_PAUSE, 2 * pause)
            wait = pause if answer.wait is None else answer.wait
            if time.monotonic() + wait > end:
                raise _StoppedError(shorten(answer.reason))
            time.sleep(wait)

    def _refused(self, records: Sequence[Encoded], reason: str) -> None:
        """Find out which of the records is the one."""
        if len(records) > 1:
            middle = len(records) // 2
            self.deliver(records[:middle])
            self.deliver(records[middle:])
        elif self.discard:
            self.discarded += 1
        else:
            raise _StoppedError(f"a record is refused for good: {reason} (--discard-refused removes such records)")


def drain(arguments: argparse.Namespace, view: SpoolView) -> int:
    """Send what dead processes left; the exit code."""
    from otel_ctxlog.errors import MissingExtraError
    from otel_ctxlog.pipeline.otlp import OtlpSettings, destination_text, otlp_log_transport

    held = [owner for owner in view.owners if owner.is_held]
    if arguments.all and held:
        living = ", ".join(sorted({str(owner.sender or owner.pid or owner.name) for owner in held}))
        return _say(f"nothing was sent: living processes send what they have by themselves: {living}", code=1)
    try:
        headers = dict(_header(text) for text in arguments.headers)
        settings = OtlpSettings(endpoint=arguments.endpoint, protocol=arguments.protocol, headers=headers or None)
        transport = otlp_log_transport(settings)
        destination = destination_text("logs", settings)[0].replace("(OTLP over ", "(")
    except (ValueError, MissingExtraError) as error:
        return _say(str(error), code=2)
    sender = _Sender(transport, arguments.timeout, arguments.discard_refused)
    try:
        problem = _send_all(arguments, sender)
        code = 1 if problem else 0
    except KeyboardInterrupt:
        problem, code = "interrupted", _INTERRUPTED
    finally:
        transport.close()
    if not problem:
        ours = None if arguments.all else {owner.name for owner in view.owners if not owner.is_held}
        problem = _left_behind(Path(arguments.path), ours)
        code = 1 if problem else 0
    rest = sum(owner.records for owner in held)
    text = f"{sender.sent} records delivered"
    if problem:
        total = sum(owner.records for owner in view.owners if not owner.is_held)
        # What processes left that have died since is sent as well.
        text = f"{sender.sent} of {max(total, sender.sent)} records delivered to {destination}"
    text += f", {sender.rejected} rejected by the receiver" if sender.rejected else ""
    text += f", {sender.discarded} discarded" if sender.discarded else ""
    text += f"; {_remaining(Path(arguments.path))} remain" if problem else ""
    text += f"; {rest} are sent by living processes" if rest else ""
    text += f"; stopped: {problem}" if problem else ""
    return _say(text, code=code)


def _left_behind(path: Path, names: Collection[str] | None) -> str:
    """Return what is there although it should have been sent: of these owners, by default of all; or nothing."""
    from otel_ctxlog.delivery.spool.inspecting import look

    try:
        owners = look(path).owners
    except FileNotFoundError:
        return ""
    if names is not None:
        owners = tuple(owner for owner in owners if owner.name in names and not owner.is_held)
    left = [owner for owner in owners if owner.records or owner.problem]
    if not left:
        return ""
    text = f"left behind: {', '.join(f'{owner.name} {owner.problem}'.rstrip() for owner in left)}"
    # Only the records of whom we may lock and remove can be sent.
    return text if os.access(path, os.W_OK) else f"{text}; {path} may not be written by this user"


def _remaining(path: Path) -> int:
    """Return how many records wait that no living process sends; of a batch that did not arrive as a whole, all."""
    from otel_ctxlog.delivery.spool.inspecting import look

    try:
        return sum(owner.records for owner in look(path).owners if not owner.is_held)
    except FileNotFoundError:
        return 0


def _send_all(arguments: argparse.Namespace, sender: _Sender) -> str:
    """Send until there is nothing, and return why that did not succeed, or nothing."""
    from otel_ctxlog.delivery.spool import Spool

    spool = Spool(Path(arguments.path))
    try:
        while (batch := spool.read(_BATCH_RECORDS, _BATCH_BYTES)) is not None:
            try:
                sender.deliver(batch.records)
            except _StoppedError as problem:
                return str(problem)
            batch.accept()
    finally:
        spool.close()
    return ""


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise ValueError(f"--header is {text!r}, allowed: NAME=VALUE")
    return name.strip(), value.strip()


def _say(text: str, *, code: int) -> int:
    print(f"otel-ctxlog spool: {text}", file=sys.stderr)
    return code
