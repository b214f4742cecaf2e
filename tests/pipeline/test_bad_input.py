"""A mistake in arguments or variables is one clear error, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import propagate

from otel_ctxlog.errors import ConfigError, MissingExtraError
from otel_ctxlog.pipeline import setup

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("variables", "arguments", "expected"),
    [
        ({}, {"exporter": "otpl"}, "argument 'exporter' is 'otpl', allowed: otlp, console, memory, none, file:PATH"),
        ({}, {"exporter": "otpl"}, "did you mean 'otlp'?"),
        ({}, {"traces_exporter": "consol"}, "did you mean 'console'?"),
        ({}, {"exporter": "file:"}, "allowed: file:PATH"),
        ({}, {"exporter": "file:/nowhere/at/all.jsonl"}, "'file:/nowhere/at/all.jsonl' cannot write its file"),
        ({"OTEL_LOGS_EXPORTER": "otlp,memry"}, {}, "OTEL_LOGS_EXPORTER is 'memry'"),
        ({"OTEL_TRACES_EXPORTER": "zipkn"}, {}, "OTEL_TRACES_EXPORTER is 'zipkn'"),
        ({}, {"protocol": "http"}, "argument 'protocol' is 'http', allowed: grpc, http/protobuf; did you mean"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, {}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'"),
        ({}, {"endpoint": "localhost:4317"}, "did you mean 'http://localhost:4317'?"),
        ({}, {"endpoint": "ftp://host"}, "argument 'endpoint' is 'ftp://host', allowed: a URL"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
            {"protocol": "http/protobuf"},
            "OTEL_EXPORTER_OTLP_ENDPOINT is 'collector:4318'",
        ),
        ({"OTEL_EXPORTER_OTLP_COMPRESSION": "zip"}, {}, "allowed: none, gzip; did you mean 'gzip'?"),
        ({"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "soon"}, {}, "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT is 'soon', allowed: a pos"),
        ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/file"}, {}, "OTEL_EXPORTER_OTLP_CERTIFICATE names '/no/file'"),
        ({"OTEL_BLRP_MAX_QUEUE_SIZE": "many"}, {}, "OTEL_BLRP_MAX_QUEUE_SIZE is 'many', allowed: a whole number"),
        ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096"}, {}, "allowed: at most OTEL_BSP_MAX_QUEUE_SIZE, which is 2048"),
        ({}, {"propagators": "tracecontxt"}, "argument 'propagators' is 'tracecontxt'"),
        ({"OTEL_PROPAGATORS": "bagage"}, {}, "did you mean 'baggage'?"),
    ],
)
def test_a_wrong_value_is_named(
    variables: dict[str, str], arguments: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says where the value was given, what it is, what is allowed, and the nearest match."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    propagator = propagate.get_global_textmap()

    with pytest.raises(ValueError) as caught:
        setup(**arguments)

    assert expected in str(caught.value)
    assert propagate.get_global_textmap() is propagator


def test_what_is_no_exporter_is_named() -> None:
    """An object that exports nothing is a TypeError."""
    with pytest.raises(TypeError, match="argument 'exporter' has 5, allowed: names"):
        setup(exporter=[5])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def test_a_wrong_configuration_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration fails last, when the exporters' threads run; a test that leaves threads behind fails."""
    path = tmp_path / "ctxlog.yaml"
    path.write_text("defaultLevel: Debgu\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"ctxlog\.yaml:1:15: defaultLevel: .*Debug"):
        setup(config=path)
    monkeypatch.setenv("OTEL_CTXLOG_CONFIG", str(path))
    with pytest.raises(ConfigError, match=r"ctxlog\.yaml:1:15"):
        setup()


def test_a_missing_configuration_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not there is an error that names it, and who named it."""
    with pytest.raises(ConfigError, match=r"nowhere\.yaml.*the file named by argument 'config' does not exist"):
        setup(config="nowhere.yaml")
    monkeypatch.setenv("OTEL_CTXLOG_CONFIG", "elsewhere.yaml")
    with pytest.raises(ConfigError, match=r"elsewhere\.yaml.*the file named by OTEL_CTXLOG_CONFIG does not exist"):
        setup()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the file exporter's distribution the error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.json.file._log_exporter", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'otel_ctxlog\[file\]'"):
        setup(exporter="file:telemetry.jsonl")


@pytest.mark.parametrize("timeout", [-1.0, float("nan")])
def test_a_wrong_timeout_is_named(timeout: float) -> None:
    """Waiting for less than nothing is a mistake of the caller."""
    with setup(exporter="none", set_global=False) as telemetry:
        with pytest.raises(ValueError, match="argument 'timeout'"):
            telemetry.flush(timeout)
        with pytest.raises(ValueError, match="argument 'timeout'"):
            telemetry.shutdown(timeout)
