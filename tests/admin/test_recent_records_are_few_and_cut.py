"""What an endpoint keeps of records: bounded in number and size, without what is hidden, and nothing when it is off."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog import admin
from otel_ctxlog.admin.redaction import Redaction
from otel_ctxlog.admin.tap import Tap

from .asking import Client, Service, served

if TYPE_CHECKING:
    from otel_ctxlog.engine.values import AttributeValue


def _processors(service: Service) -> list[Any]:
    return list(service.provider._multi_log_record_processor._log_record_processors)


def test_only_the_last_records_are_kept(service: Service) -> None:
    """As many as asked for, and a few of each logger that is not heard of otherwise."""
    with served("server", service, records=20) as client:
        service.context.unbound_logger(cl.Realm("rare")).info("once")
        for number in range(500):
            service.log.info("often", n=number)
        records = client.get("/api/records?limit=1000")
        contexts = client.get("/api/contexts?limit=1000")

    assert [one["attributes"]["n"] for one in records["records"]] == list(range(480, 500))
    assert {one["realm"] for one in contexts["contexts"]} == {"rare", "shop/cart"}
    assert contexts["total"] <= 31


def test_more_than_a_thousand_in_a_second_are_only_counted(service: Service) -> None:
    """What the endpoint costs in a second is bounded; the numbers have gaps that a reader is told of."""
    tap = Tap(10_000, Redaction())
    record = _record("x")
    start = time.monotonic()
    for _ in range(5_000):
        tap.take(record, "scope", 3, context.get_current())
    seconds = int(time.monotonic() - start) + 2

    assert tap.last == 5_000
    assert tap.by_level == {3: 5_000}
    assert 1_000 <= len(tap.known()) <= 1_000 * seconds
    # A second or two later there is room again.
    time.sleep(1.0)
    tap.take(record, "scope", 3, context.get_current())
    assert tap.latest(1)[0].number == 5_001


def _record(body: AttributeValue, **attributes: AttributeValue) -> Any:
    from opentelemetry._logs import LogRecord, SeverityNumber

    return LogRecord(timestamp=1, body=body, attributes=attributes, severity_number=SeverityNumber.INFO)


@pytest.mark.parametrize(
    "attributes",
    [
        {"long": "x" * 10_000_000},
        {f"a{number}": "x" * 1000 for number in range(5000)},
        {"n" * 100_000: 1},
        {"list": list(range(1_000_000))},
        {"deep": [[[[[["x" * 1000] * 50] * 50]]]]},
        {"wide": {f"k{number}": "v" * 500 for number in range(2000)}},
        {f"m{number}": {f"k{key}": "v" * 500 for key in range(20)} for number in range(48)},
        {"large": 1 << 100_000, "infinite": float("inf"), "bytes": b"x" * 1_000_000},
    ],
    ids=lambda value: next(iter(value))[:10],
)
def test_a_large_record_is_cut(attributes: dict[str, Any]) -> None:
    """What is kept of one record is bounded, and can be said as JSON."""
    from otel_ctxlog.admin.exchange import as_json

    tap = Tap(10, Redaction())
    tap.take(_record("b" * 1_000_000, **attributes), "s" * 100_000, 3, context.get_current())
    (seen,) = tap.latest(10)

    assert len(as_json(seen.as_json())) < 20_000


def test_names_that_sound_like_secrets_are_hidden(service: Service) -> None:
    """In attributes, nested ones, baggage and spans; also from previews, which else could guess them."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("shop")
    with served("server", service) as client:
        token = context.attach(baggage.set_baggage("api_key", "b4gg4ge"))
        with tracer.start_as_current_span("x", attributes={"user.PASSWORD": "sp4n"}):
            service.log.info("login", password="p4ss", nested={"client_secret": "n3st"}, user="ada")
        context.detach(token)
        answers = [client("GET", path).body for path in ("/api/records", "/api/contexts")]
        guess = client("POST", "/api/preview", {"line": "[password=~^p]=debug"})
        shown = client.get("/api/records")["records"][0]

    for secret in (b"p4ss", b"n3st", b"sp4n", b"b4gg4ge"):
        assert not any(secret in answer for answer in [*answers, guess.body])
    assert guess.json["matched"] == 0
    assert shown["attributes"]["user"] == "ada"
    assert shown["attributes"]["password"] == "[redacted]"


def test_the_body_of_an_event_does_not_tell_what_is_hidden(service: Service) -> None:
    """It is the JSON text of all fields, nested ones included: as a whole it is not shown then."""
    with served("server", service) as client:
        eventer = service.context.eventer()
        eventer.event("login", user={"name": "ada", "password": "p4ss"})
        eventer.event("login", user={"name": "ada"}, said='"password": none')
        answers = [client("GET", path).body for path in ("/api/records", "/api/contexts")]
        bodies = [one["body"] for one in client.get("/api/records")["records"]]

    assert not any(b"p4ss" in answer for answer in answers)
    assert bodies[0] == "[redacted]"
    assert bodies[1].startswith('{"eventType":"login"')


def test_a_record_in_the_middle_of_another_does_not_turn_the_numbers_back() -> None:
    """A signal handler logs while a record is counted: who has read its number is not given all records again."""
    tap = Tap(10, Redaction())
    inner = [_record("of the handler")]

    class Interrupted:
        def __init__(self, numbers: Any) -> None:
            self._numbers = numbers

        def __next__(self) -> int:
            number: int = next(self._numbers)
            if inner:
                tap.take(inner.pop(), "scope", 3, context.get_current())
            return number

    tap._numbers = Interrupted(tap._numbers)  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    tap.take(_record("interrupted"), "scope", 3, context.get_current())

    assert [one.number for one in tap.latest(10)] == [1, 2]
    assert tap.last == 2


def test_what_is_hidden_can_be_chosen(service: Service) -> None:
    """Own globs in place of the usual ones; bodies as a whole."""
    with served("server", service, redact=["user.*"], bodies=False) as client:
        service.log.info("ada logged in", **{"user.name": "ada", "password": "shown then"})
        (shown,) = client.get("/api/records")["records"]

    assert shown["body"] == "[redacted]"
    assert shown["attributes"] == {"realm": "shop/cart", "user.name": "[redacted]", "password": "shown then"}


def test_it_can_keep_nothing(service: Service) -> None:
    """records=0: no processor, no tail, no preview; the rest works."""
    before = _processors(service)
    with served("server", service, records=0) as client:
        service.log.info("unseen")
        records = client.get("/api/records")
        preview = client("POST", "/api/preview", {"line": "[]=debug"}).json

        assert _processors(service) == before
    assert (records["seesRecords"], records["records"]) == (False, [])
    assert (preview["seesRecords"], preview["total"]) == (False, 0)


def test_endpoints_that_come_and_go_leave_one_processor(service: Service) -> None:
    """The SDK never gives one back: it is used again, and shows nothing to nobody meanwhile."""
    before = len(_processors(service))
    for _ in range(30):
        with admin.serve(service.context):
            service.log.info("seen")
    found = _processors(service)[before:]

    assert len(found) == 1
    assert found[0]._taps == ()


def test_an_application_that_is_dropped_sees_no_more(service: Service) -> None:
    """Nothing holds what it has kept."""
    app = admin.asgi_app(service.context, token="a-token-of-some-length")
    tap = weakref.ref(app._endpoint._tap)
    service.log.info("seen")
    del app
    gc.collect()
    service.log.info("unseen")

    assert tap() is None


def test_it_follows_the_context_to_another_provider(client: Client, service: Service) -> None:
    """A target that is set later is seen from the next question on."""
    other = LoggerProvider(shutdown_on_exit=False)
    service.context.set_target(other)
    client.get("/api/about")
    service.log.info("elsewhere")
    service.context.set_target(service.provider)
    client.get("/api/about")
    service.log.info("back")
    bodies = [one["body"] for one in client.get("/api/records")["records"]]
    other.shutdown()

    assert bodies == ["elsewhere", "back"]


def test_without_a_provider_of_the_sdk_it_says_that_it_sees_nothing() -> None:
    """A sink of the user's own has no place for it."""

    class Sink:
        def enabled(self, level: int) -> bool:
            return True

        def emit(self, **record: Any) -> None:
            pass

    with admin.serve(cl.LoggingContext(Sink())) as server:
        client = Client(server.url, token=None)

        assert client.get("/api/about")["seesRecords"] is False
        assert client.get("/api/contexts")["contexts"] == []


def test_a_record_that_cannot_be_read_breaks_nothing(client: Client, service: Service, caplog: Any) -> None:
    """One diagnostic, and the record goes out."""

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    body: Any = Hostile()
    service.provider.get_logger("foreign").emit(body=body, timestamp=1)
    service.log.info("after")

    assert [one["body"] for one in client.get("/api/records")["records"]] == ["after"]
    assert len([one for one in caplog.records if "could not take a record" in one.getMessage()]) == 1


def test_eight_threads_log_while_it_is_read(client: Client, service: Service) -> None:
    """Every record once, in the order of its number, whatever is read meanwhile."""
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            client.get("/api/records")
            client.get("/api/contexts")

    def work(start: int) -> None:
        for number in range(100):
            service.log.info("x", n=start + number)

    reader = threading.Thread(target=read)
    workers = [threading.Thread(target=work, args=(index * 100,)) for index in range(5)]
    for thread in (reader, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    stop.set()
    reader.join()
    found = client.get("/api/records?limit=1000")["records"]

    assert sorted(one["attributes"]["n"] for one in found) == list(range(500))
    assert [one["number"] for one in found] == sorted(one["number"] for one in found)
