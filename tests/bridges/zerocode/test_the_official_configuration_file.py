"""OpenTelemetry's declarative configuration file: it names our instrumentor with its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .test_a_program_that_knows_nothing_obeys_the_rules import PROGRAM

if TYPE_CHECKING:
    from .conftest import Programs

pytest.importorskip("opentelemetry.configuration")

pytestmark = pytest.mark.slow

FILE = """\
file_format: "1.0"
tracer_provider:
  processors:
    - batch:
        exporter:
          otlp_http: {endpoint: "ENDPOINT/v1/traces"}
logger_provider:
  processors:
    - batch:
        exporter:
          otlp_http: {endpoint: "ENDPOINT/v1/logs"}
instrumentation/development:
  python:
    otel_ctxlog:
"""

INLINE = """\
      config:
        defaultLevel: Warn
        rules:
          - rule:
              level: Debug
              conditions:
                - baggage: {name: tenant, value: {value: acme}}
"""


def test_rules_come_from_the_file(programs: Programs) -> None:
    """The file is all that is needed, the rules in it; no record arrives twice."""
    file = programs.folder / "otel.yaml"
    file.write_text((FILE + INLINE).replace("ENDPOINT", programs.receiver.http_endpoint), encoding="utf-8")

    done = programs.run(PROGRAM, variables={"OTEL_CONFIG_FILE": "otel.yaml", "OTEL_CTXLOG_CONFIG": ""})

    assert programs.bodies() == sorted(
        [
            "stdlib debug acme",
            "otel debug acme",
            *(f"{kind} {tenant}" for kind in ("stdlib warning", "otel error") for tenant in ("acme", "globex")),
        ]
    )
    assert "already instrumented" not in done.stderr


def test_wrong_rules_in_the_file_leave_everything_as_without_us(programs: Programs) -> None:
    """OpenTelemetry says what is wrong; the command's own call afterwards does not turn it on without rules."""
    file = programs.folder / "otel.yaml"
    text = (FILE + INLINE).replace("Warn", "Wran")
    file.write_text(text.replace("ENDPOINT", programs.receiver.http_endpoint), encoding="utf-8")

    done = programs.run(PROGRAM, variables={"OTEL_CONFIG_FILE": "otel.yaml", "OTEL_CTXLOG_CONFIG": ""})

    assert "defaultLevel: unknown level 'Wran'" in done.stderr
    assert "stdlib debug acme" not in programs.bodies()
    assert {"otel debug acme", "otel debug globex"} <= set(programs.bodies())


def test_options_of_the_file_choose_parts(programs: Programs) -> None:
    """The rules may be in a file of their own, and `gate` and `stdlib` can be said there, too."""
    file = programs.folder / "otel.yaml"
    text = FILE + '      config: "rules.yaml"\n      gate: true\n      stdlib: false\n'
    file.write_text(text.replace("ENDPOINT", programs.receiver.http_endpoint), encoding="utf-8")
    variables = {"OTEL_CTXLOG_CONFIG": "", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "logging"}

    programs.run(PROGRAM, variables={"OTEL_CONFIG_FILE": "otel.yaml", **variables})

    assert programs.bodies() == ["otel debug acme", "otel error acme", "otel error globex"]
