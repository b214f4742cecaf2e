"""A mistake in arguments or variables is one clear error, and leaves nothing behind."""

from __future__ import annotations

import traceback
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
        ({}, {"endpoint": ""}, "argument 'endpoint' is '', allowed: a URL like http://localhost:4317 or https://host"),
        ({}, {"exporter": ""}, "argument 'exporter' is '', allowed: otlp, console"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:4317"}, {}, "did you mean 'http://127.0.0.1:4317'?"),
        (
            {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "127.0.0.1:4317"},
            {},
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT is '127.0.0.1:4317', allowed: a URL",
        ),
        ({}, {"headers": {"api key": "s"}}, "argument 'headers' has the name 'api key', allowed over grpc: letters"),
        ({}, {"headers": {"api-key": "s\nx: y"}}, "argument 'headers' has '\\n' in the value of 'api-key'"),
        (
            {},
            {"headers": {"api-key": " s"}, "protocol": "http/protobuf"},
            "argument 'headers' has ' ' in the value of 'api-key', allowed over http/protobuf: printable",
        ),
        (
            {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=se%0Acret"},
            {"headers": {}},
            "OTEL_EXPORTER_OTLP_HEADERS has ",
        ),
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
        ({"OTEL_BLRP_SCHEDULE_DELAY": "0"}, {}, "OTEL_BLRP_SCHEDULE_DELAY is '0', allowed: a whole number above 0"),
        ({"OTEL_CTXLOG_QUEUE_BYTES": "1MB"}, {}, "OTEL_CTXLOG_QUEUE_BYTES is '1MB', allowed: a whole number above 0"),
        ({"OTEL_CTXLOG_QUEUE_BLOCK": "-1"}, {}, "OTEL_CTXLOG_QUEUE_BLOCK is '-1', allowed: seconds, 0 or more"),
        ({}, {"propagators": "tracecontxt"}, "argument 'propagators' is 'tracecontxt'"),
        ({}, {"propagators": ["baggage", "tracecontxt"]}, "did you mean 'tracecontext'?"),
        ({"OTEL_PROPAGATORS": "bagage"}, {}, "did you mean 'baggage'?"),
        ({"OTEL_PROPAGATORS": "bagage"}, {"propagators": "baggage"}, "OTEL_PROPAGATORS is 'bagage'"),
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


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"exporter": object()}, "argument 'exporter' is <object object at "),
        ({"traces_exporter": 5}, "argument 'traces_exporter' is 5, allowed: names, LogRecordExporter and SpanExporter"),
        ({"endpoint": 5}, "argument 'endpoint' is 5, allowed: a text (str)"),
        ({"protocol": 5}, "argument 'protocol' is 5, allowed: a text (str)"),
        ({"headers": "api-key=secret"}, "argument 'headers' is a str, allowed: a mapping, like {'api-key': '…'}"),
        ({"headers": {5: "secret"}}, "argument 'headers' has the name 5, allowed: texts (str)"),
        ({"headers": {"api-key": b"secret"}}, "argument 'headers' has a bytes for 'api-key', allowed: a text (str)"),
        ({"resource_attributes": "a=b"}, "argument 'resource_attributes' is a str, allowed: a mapping"),
        ({"service_name": 5}, "argument 'service_name' is 5, allowed: a text (str)"),
        ({"service_version": 1.0}, "argument 'service_version' is 1.0, allowed: a text (str)"),
        ({"propagators": [5]}, "argument 'propagators' has 5, allowed: names and propagators"),
        ({"propagators": 5}, "argument 'propagators' is 5, allowed: names and propagators"),
    ],
)
def test_a_wrong_type_is_named(arguments: dict[str, Any], expected: str) -> None:
    """An argument of a wrong type is a TypeError that says what is allowed, and shows no header's value."""
    with pytest.raises(TypeError) as caught:
        setup(**arguments)

    assert expected in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_telemetry_that_is_shut_down_is_not_entered() -> None:
    """A `with` on what is shut down would log nowhere; the error says what to do."""
    telemetry = setup(exporter="none", set_global=False)
    telemetry.shutdown()

    with pytest.raises(RuntimeError, match=r"shut down for good: call setup\(\)"), telemetry:
        pass


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


def test_a_file_of_nearly_that_name_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the folder that was looked in, which another working directory changes."""
    (tmp_path / "rules.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        setup(config="ruls.yaml")

    assert str(caught.value).endswith(f"does not exist in {tmp_path}; did you mean 'rules.yaml'?")


def test_the_way_to_a_configuration_error_is_not_shown() -> None:
    """A traceback through our own frames would bury what is wrong, and where."""
    with pytest.raises(ConfigError) as caught:
        setup(config="defaultLevel: Debgu\n")

    assert len(traceback.extract_tb(caught.value.__traceback__)) == 2
    assert caught.value.__suppress_context__


def test_a_value_that_is_no_boolean_counts_as_false(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`OTEL_SDK_DISABLED=yes` disables nothing, by the specification, which is said."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "yes")
    with setup(exporter="memory", set_global=False) as telemetry:
        telemetry.logging.logger().info("heard")

    assert len(telemetry.memory.finished_logs()) == 1
    assert caplog.messages == ["OTEL_SDK_DISABLED is 'yes', which counts as false, allowed: true, false"]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the file exporter's distribution the error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.json.file._log_exporter", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'otel-ctxlog\[file\]'"):
        setup(exporter="file:telemetry.jsonl")


@pytest.mark.parametrize("timeout", [-1.0, float("nan")])
def test_a_wrong_timeout_is_named(timeout: float) -> None:
    """Waiting for less than nothing is a mistake of the caller."""
    with setup(exporter="none", set_global=False) as telemetry:
        with pytest.raises(ValueError, match="argument 'timeout'"):
            telemetry.flush(timeout)
        with pytest.raises(ValueError, match="argument 'timeout'"):
            telemetry.shutdown(timeout)


def test_a_timeout_that_is_no_number_is_named() -> None:
    """Nor can anybody wait for a text."""
    with setup(exporter="none", set_global=False) as telemetry:
        with pytest.raises(TypeError, match="argument 'timeout' is 'x', allowed: seconds, 0 or more"):
            telemetry.flush("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with pytest.raises(TypeError, match="argument 'timeout' is 'x', allowed: seconds, 0 or more"):
            telemetry.shutdown("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
