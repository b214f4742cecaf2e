"""`opentelemetry-instrument python app.py` with `OTEL_CTXLOG_CONFIG`: everything on, nothing twice."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from .conftest import RULES

if TYPE_CHECKING:
    from .conftest import Programs

pytestmark = pytest.mark.slow

# Knows stdlib logging and OpenTelemetry, as its libraries do, and nothing of this library.
PROGRAM = """
    import logging
    from opentelemetry import baggage, context, trace
    from opentelemetry._logs import SeverityNumber, get_logger

    logger = logging.getLogger("shop.cart")
    tracer = trace.get_tracer("shop")

    for tenant in ("acme", "globex"):
        with tracer.start_as_current_span(f"order of {tenant}"):
            token = context.attach(baggage.set_baggage("tenant", tenant))
            logger.debug("stdlib debug %s", tenant)
            logger.warning("stdlib warning %s", tenant)
            library = get_logger("some.instrumentation")
            library.emit(severity_number=SeverityNumber.DEBUG, body=f"otel debug {tenant}")
            library.emit(severity_number=SeverityNumber.ERROR, body=f"otel error {tenant}")
            context.detach(token)
"""


def test_debug_for_one_tenant_from_everybody_each_record_once(programs: Programs) -> None:
    """Debug of stdlib loggers and of OTel loggers arrives for the one tenant, in its trace; no record arrives twice."""
    done = programs.run(PROGRAM)

    assert programs.bodies() == sorted(
        [
            "stdlib debug acme",
            "otel debug acme",
            *(f"{kind} {tenant}" for kind in ("stdlib warning", "otel error") for tenant in ("acme", "globex")),
        ]
    )
    traces = {span.name.rpartition(" ")[2]: span.trace_id for span in programs.receiver.spans}
    for record in programs.receiver.records:
        assert record.trace_id == traces[str(record.body).rpartition(" ")[2]]
    assert {record.scope_name for record in programs.receiver.records} == {"shop.cart", "some.instrumentation"}
    # Other instrumentations may say that they do not know what is installed.
    assert [line for line in done.stderr.splitlines() if "so nothing can be instrumented" not in line] == []


def test_without_the_instrumentor_the_same_program_sends_other_records(programs: Programs) -> None:
    """The official instrumentation alone sends no debug of stdlib, and every record of OTel."""
    programs.run(PROGRAM, variables={"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "otel_ctxlog"})

    counted = Counter(str(body).rpartition(" ")[0] for body in programs.bodies())
    assert counted == {"stdlib warning": 2, "otel debug": 2, "otel error": 2}


def test_the_handler_of_the_sdk_sends_nothing_twice(programs: Programs) -> None:
    """The deprecated handler, which is there before any instrumentor, is kept quiet as the newer one is."""
    programs.run(PROGRAM, variables={"OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true"})

    counted = Counter(programs.bodies())
    assert set(counted.values()) == {1}
    assert counted["stdlib warning globex"] == 1


def test_stdlib_can_be_left_to_the_official_handler(programs: Programs) -> None:
    """With `OTEL_CTXLOG_STDLIB=false` stdlib's own levels hold, and what they let through has to pass the rules."""
    rules = RULES.replace("Warn", "Error")
    programs.run(PROGRAM, variables={"OTEL_CTXLOG_STDLIB": "false"}, rules=rules)

    assert programs.bodies() == sorted(
        ["stdlib warning acme", "otel debug acme", "otel error acme", "otel error globex"]
    )


def test_other_instrumentations_can_be_left_alone(programs: Programs) -> None:
    """With `OTEL_CTXLOG_GATE=false` rules decide about stdlib, and the records of OTel loggers all go out."""
    programs.run(PROGRAM, variables={"OTEL_CTXLOG_GATE": "false"})

    counted = Counter(str(body).rpartition(" ")[0] for body in programs.bodies())
    assert counted == {"stdlib debug": 1, "stdlib warning": 2, "otel debug": 2, "otel error": 2}


def test_records_of_this_librarys_loggers_are_asked_once(programs: Programs) -> None:
    """A tag is not on the record: the rule that asks for it decides, and the gate at the provider does not overrule it.

    The command's own option names the file here.
    """
    rules = "defaultLevel: Warn\nrules: [{rule: {level: Debug, conditions: [{tag: audit}]}}]"
    programs.run(
        """
        import otel_ctxlog as cl
        cl.log(cl.Tag("audit")).debug("tagged")
        cl.log().debug("untagged")
        cl.default_context().eventer(cl.Tag("audit")).event("audited", number=1)
        cl.default_context().eventer().event("dropped", number=1)
        """,
        "--ctxlog_config",
        "rules.yaml",
        rules=rules,
        variables={"OTEL_CTXLOG_CONFIG": "missing.yaml"},
    )

    assert [(record.body, record.event_name) for record in programs.receiver.records] == [
        ("tagged", ""),
        ('{"eventType":"audited","number":1}', "audited"),
    ]


def test_a_wrong_configuration_leaves_everything_as_without_us(programs: Programs) -> None:
    """One line says what is wrong; the program, its traces and the official handler go on."""
    done = programs.run(PROGRAM, rules="defaultLevel: Debgu\n")

    # The official handler may be there already, and then sends that line as well.
    sent = [str(body) for body in programs.bodies() if not str(body).startswith("otel_ctxlog is not turned on")]
    counted = Counter(body.rpartition(" ")[0] for body in sent)
    assert counted == {"stdlib warning": 2, "otel debug": 2, "otel error": 2}
    assert "rules.yaml:1:15: defaultLevel: unknown level 'Debgu'" in done.stderr
    assert "did you mean 'Debug'?" in done.stderr
    assert len(programs.receiver.spans) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_process_that_forks(programs: Programs) -> None:
    """The rules hold in the child, and what parent and child log arrives once each."""
    programs.run(
        """
        import logging, os, sys
        from opentelemetry import baggage, context

        context.attach(baggage.set_baggage("tenant", "acme"))
        logging.getLogger("shop").debug("before")
        if os.fork() == 0:
            logging.getLogger("shop").debug("child")
            sys.exit(0)
        os.wait()
        logging.getLogger("shop").debug("parent")
        """
    )

    assert programs.bodies() == ["before", "child", "parent"]


def test_a_program_that_sets_up_itself_takes_over(programs: Programs) -> None:
    """`cl.setup()` in the program uses the provider that is there, and its rules hold for everybody from then on."""
    programs.run(
        """
        import logging
        from opentelemetry._logs import SeverityNumber, get_logger
        import otel_ctxlog as cl

        with cl.setup() as telemetry:
            telemetry.logging.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("shop")))
            for name in ("shop", "web"):
                logging.getLogger(name).debug(f"stdlib {name}")
                get_logger(name).emit(severity_number=SeverityNumber.DEBUG, body=f"otel {name}")
                telemetry.logging.logger(cl.Realm(name)).debug(f"own {name}")
        logging.getLogger("shop").debug("afterwards")
        logging.getLogger("shop").warning("afterwards by the file")
        """
    )

    assert programs.bodies() == ["afterwards by the file", "otel shop", "own shop", "stdlib shop"]
