"""Programs under the real ``opentelemetry-instrument``, and a real receiver for what they send."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[3]

ENTRY_POINTS = """\
[opentelemetry_instrumentor]
otel_ctxlog = otel_ctxlog.pipeline.instrumentor:CtxlogInstrumentor

[opentelemetry_environment_variables]
otel_ctxlog = otel_ctxlog.bridges.zero_code_variables
"""

# Debug for one tenant, Warn for the rest.
RULES = """\
defaultLevel: Warn
rules:
  - rule:
      level: Debug
      conditions:
        - baggage: {name: tenant, value: {value: acme}}
"""


@dataclass
class Programs:
    """Runs programs with OpenTelemetry's command, their telemetry sent to `receiver`."""

    folder: Path
    receiver: Receiver
    path: list[str] = field(default_factory=list[str])

    def run(
        self,
        program: str,
        *options: str,
        variables: Mapping[str, str] | None = None,
        rules: str | None = RULES,
    ) -> subprocess.CompletedProcess[str]:
        """Return the end of a program; it went well."""
        app = self.folder / "app.py"
        app.write_text(textwrap.dedent(program), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        environment |= {
            "PYTHONPATH": os.pathsep.join(self.path),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.http_endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_SERVICE_NAME": "app",
        }
        if rules is not None:
            (self.folder / "rules.yaml").write_text(rules, encoding="utf-8")
            environment["OTEL_CTXLOG_CONFIG"] = "rules.yaml"
        command = Path(sysconfig.get_path("scripts"), "opentelemetry-instrument")
        done = subprocess.run(
            [sys.executable, str(command), *options, sys.executable, str(app)],
            cwd=self.folder,
            env={**environment, **(variables or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    def bodies(self) -> list[object]:
        """The bodies of all records that came, sorted."""
        return sorted((record.body for record in self.receiver.records), key=str)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Return what runs programs; where the package is not installed, its entry points are made known all the same."""
    pytest.importorskip("opentelemetry.distro")
    path = [str(ROOT)]
    if not entry_points(group="opentelemetry_instrumentor", name="otel_ctxlog"):
        info = tmp_path / "entry" / "otel_ctxlog-0.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: otel-ctxlog\nVersion: 0.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
        path.append(str(info.parent))
    with Receiver(http_port=0, grpc_port=None) as receiver:
        yield Programs(tmp_path, receiver, path)
