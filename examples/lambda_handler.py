"""A function of the AWS Lambda kind: the process is frozen between calls, so that each call ends with a flush.

`setup()` runs once per process, outside of the handler. A flush that takes too long gives up after its timeout: what is
still queued goes out with the next call.
"""

import json
from typing import Any

import otel_ctxlog as cl

telemetry = cl.setup(service_name="resize", exporter="console")
telemetry.logging.add_rule(cl.ConditionRule(cl.DEBUG, cl.Attribute("faas.coldstart", True)))
cold = True


def handler(event: dict[str, Any], request: Any) -> dict[str, Any]:
    """Handle one call; `request` has the id of the call."""
    global cold  # noqa: PLW0603 - the first call of a process is another one
    log = telemetry.logging.logger(
        cl.Realm("resize"),
        cl.Attribute("faas.invocation_id", request.aws_request_id),
        cl.Attribute("faas.coldstart", cold),
    )
    cold = False
    try:
        log.debug("event", body=json.dumps(event))
        width = int(event["width"])
        telemetry.logging.eventer().event("imageResized", width=width)
        return {"statusCode": 200, "width": width}
    except Exception:
        log.exception("not resized")
        return {"statusCode": 400}
    finally:
        telemetry.flush(timeout=1.0)


class Request:
    """What the platform gives a handler."""

    def __init__(self, aws_request_id: str) -> None:
        self.aws_request_id = aws_request_id


if __name__ == "__main__":
    print(handler({"width": "640"}, Request("call-1")))
    print(handler({"width": "320"}, Request("call-2")))
