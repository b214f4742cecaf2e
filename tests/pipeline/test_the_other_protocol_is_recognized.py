"""An exporter that speaks another protocol than the server is told so, and not that the server is busy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_ctxlog.delivery.reasons import advice_for
from otel_ctxlog.pipeline import setup
from otel_ctxlog.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

ADVICE = (
    "It speaks another protocol: set protocol= or OTEL_EXPORTER_OTLP_PROTOCOL to grpc (port 4317) or http/protobuf"
    " (port 4318)."
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of both protocols, each on its own port."""
    with Receiver(http_port=0, grpc_port=0) as running:
        yield running


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_port_of_the_other_protocol_is_named_as_such(
    receiver: Receiver, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    """GRPC to the port for HTTP, and the other way round: one diagnostic, which says which variable to set."""
    endpoint = receiver.http_endpoint if protocol == "grpc" else receiver.grpc_endpoint
    with setup(endpoint=endpoint, protocol=protocol, traces_exporter="none", set_global=False) as telemetry:
        telemetry.logging.logger().info("hello")
        telemetry.flush(3)
        telemetry.shutdown(1)

    [text] = [record.getMessage() for record in caplog.records if "cannot deliver" in record.getMessage()]
    assert ADVICE in text
    assert "It is there" not in text


@pytest.mark.parametrize(
    "reason",
    [
        "failed to connect (Trying to connect an http1.x server (HTTP status 505))",
        "StatusCode.UNAVAILABLE: Failed parsing HTTP/2",
        "('Connection aborted.', BadStatusLine('\\x00\\x00\\x18\\x04'))",
    ],
)
def test_what_grpc_and_requests_say_is_known(reason: str) -> None:
    """Their words for bytes of the other protocol, whatever status stands beside them."""
    assert advice_for(reason, unanswered="nothing") == ADVICE


def test_another_strange_answer_is_not_taken_for_it() -> None:
    """A server that speaks neither protocol is no reason to change it."""
    assert advice_for("BadStatusLine('SSH-2.0-OpenSSH')", unanswered="nothing") == "nothing"
