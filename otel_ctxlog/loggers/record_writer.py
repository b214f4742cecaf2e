"""Records that others made, through the rules of a context; what bridges are built on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_ctxlog.engine.diagnostics import report_once
from otel_ctxlog.engine.fields import Fields, read_fields
from otel_ctxlog.engine.values import AttributeValue, to_value
from otel_ctxlog.loggers.record_rules import Passed, RecordRules
from otel_ctxlog.otel.context import Context, get_current
from otel_ctxlog.otel.route import report_lost, write
from otel_ctxlog.otel.severity import SeverityNumber

__all__ = ["RecordWriter"]

_NO_ATTRIBUTES: Mapping[str, object] = {}


class RecordWriter(RecordRules):
    """Asks the rules of a context about records that others made, and writes those that pass; for bridges.

    As live as an unbound logger. Made by `LoggingContext.record_writer`.
    """

    __slots__ = ()

    def enabled(
        self,
        level: int,
        context: Context | None = None,
        attributes: Mapping[str, object] = _NO_ATTRIBUTES,
    ) -> bool:
        """Return whether the rules let a record at `level` through; raises nothing.

        Args:
            level: the record's level; 0 never passes.
            context: its OTel context; None: the current one.
            attributes: its own attributes, as far as rules should see them.
        """
        return self.passes(level, get_current() if context is None else context, attributes) is not None

    def write(
        self,
        level: int,
        body: object,
        fields: Sequence[object] = (),
        *,
        context: Context | None = None,
        attributes: Mapping[str, object] = _NO_ATTRIBUTES,
        exception: BaseException | None = None,
        severity: SeverityNumber | None = None,
        timestamp: int | None = None,
        event_name: str | None = None,
    ) -> bool:
        """Write one record if the rules let it through; return whether they did. Raises nothing.

        Args:
            level: the record's level; 0 never passes.
            body: its body: a text, a mapping or a sequence; anything else becomes an attribute value.
            fields: what is put on the record, as fields of a logging call; rules do not see them.
            context: its OTel context; None: the current one.
            attributes: further attributes, which rules see; they are put on the record as well.
            exception: its exception.
            severity: its severity, where the level does not say it.
            timestamp: when it was made, in nanoseconds since the epoch; None: now.
            event_name: the type of an event.
        """
        if context is None:
            context = get_current()
        passed = self.passes(level, context, attributes)
        if passed is None:
            return False
        self.write_passed(
            passed,
            level,
            body,
            (attributes, *fields),
            context=context,
            exception=exception,
            severity=severity,
            timestamp=timestamp,
            event_name=event_name,
        )
        return True

    def passes(self, level: int, context: Context, attributes: Mapping[str, object]) -> Passed | None:
        """Return what `decide` does; raises nothing."""
        try:
            return self.decide(level, context, attributes)
        except Exception as error:  # noqa: BLE001 - attributes of others may do anything
            text = (
                f"a record could not be decided about, since its attributes raised {type(error).__name__}: it is lost"
            )
            report_once(self, text, error=error)
            return None

    @staticmethod
    def write_passed(
        passed: Passed,
        level: int,
        body: object,
        fields: Sequence[object],
        *,
        context: Context,
        exception: BaseException | None = None,
        severity: SeverityNumber | None = None,
        timestamp: int | None = None,
        event_name: str | None = None,
    ) -> None:
        """Write one record that the rules have let through (`decide`); raises nothing.

        The arguments are those of `write`; what happens in between does not change the decision.
        """

        def content() -> tuple[AttributeValue, Fields]:
            return to_value(body), read_fields(fields, _NO_ATTRIBUTES)

        route, sink = passed.effective.route, passed.decision.sink
        try:
            write(
                route,
                passed.stem,
                sink,
                context,
                level,
                None,
                (),
                _NO_ATTRIBUTES,
                exception=exception,
                severity=severity,
                event_name=event_name,
                timestamp=timestamp,
                content=content,
                held=passed.decision.held,
            )
        except Exception as error:  # noqa: BLE001 - a logging call never raises
            report_lost(route, sink, error)
