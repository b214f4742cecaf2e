"""The page in a real browser: a rule is composed, added, counted and removed; hostile records stay text."""

from __future__ import annotations

import re
import shutil
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider

import otel_ctxlog as cl
from otel_ctxlog import admin

from .asking import TOKENS, Service, served, under_uvicorn, wait_until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from playwright.sync_api import Browser, Dialog, Page

playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'otel-ctxlog[browser]' brings it")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine (Debian: apt install chromium)"),
]

HOSTILE = (
    "<script>window.broken=1</script>",
    '"><img src=x onerror=window.broken=1>',
    "'-window.broken=1-'",
    "</script><svg onload=window.broken=1>",
    "javascript:window.broken=1",
    "{{constructor.constructor('window.broken=1')()}}",
)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with playwright.sync_playwright() as running:
        # No sandbox within a container's; what it opens is ours.
        made = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield made
        made.close()


@contextmanager
def opened(
    browser: Browser, url: str, *, width: int = 1600, scheme: str = "light", token: str = TOKENS["alice"]
) -> Generator[tuple[Page, list[str]]]:
    """The page, its token given, and what it has complained about."""
    made = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = made.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.extend([line.text] if line.type == "error" else []))
    page.on("request", lambda sent: complaints.extend([] if sent.url.startswith((url, "data:")) else [sent.url]))

    def dismiss(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.goto(url)
    page.fill("#token", token)
    page.press("#token", "Enter")
    page.wait_for_selector("#dot.on", state="attached")
    # The first question has no token yet.
    complaints[:] = [one for one in complaints if "401" not in one]
    yield page, complaints
    made.close()


def until(page: Page, expression: str, seconds: float = 10.0) -> None:
    """Wait until something holds in the page; its own policy forbids it to be asked there again and again."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"it did not come true: {expression}"
        page.wait_for_timeout(50)


@contextmanager
def _busy(service: Service) -> Generator[None]:
    """Requests of two tenants, as long as the block lasts."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            for tenant in ("acme", "globex"):
                token = context.attach(baggage.set_baggage("tenant", tenant))
                service.log.debug("priced")
                service.log.info("placed")
                context.detach(token)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


@pytest.mark.parametrize("face", ["server", "asgi", "wsgi"])
def test_a_rule_is_composed_added_counted_and_removed(browser: Browser, service: Service, face: str) -> None:
    """From the form to the first records and back, behind each face; the page complains about nothing."""
    with served(face, service) as client, _busy(service):
        wait_until(lambda: client.get("/api/contexts")["total"] >= 2)
        host, port = client.address
        with opened(browser, f"http://{host}:{port}/") as (page, complaints):
            assert page.title() == "shop: log rules"
            page.fill("#realm", "shop")
            page.click("[data-condition=baggage]")
            page.fill("#conditions .name", "tenant")
            page.fill("#conditions .value", "acme")
            page.fill("#limit", "500/s")
            page.fill("#reason", "wrong prices")
            until(
                page,
                "document.getElementById('preview-line').textContent.startsWith('shop/**[baggage:tenant=acme]=Debug')",
            )
            until(page, "/^Matches 1 of the 2 /.test(document.getElementById('preview-count').textContent)")
            page.press("#reason", "Enter")
            page.wait_for_selector("#rules-list li.mine")
            row = page.locator("#rules-list li.mine")
            assert "endpoint by alice" in row.inner_text()
            until(page, "/[1-9][0-9]* passed|[0-9]+ \\(/.test(document.querySelector('li.mine .live').textContent)")
            until(page, "/ends in 14:[0-9]{2}/.test(document.querySelector('li.mine .ends').textContent)")
            page.wait_for_selector("#tail-list .l4")
            assert "wrong prices" in page.inner_text("#audit-list")

            page.fill("#ask-realm", "shop/cart")
            page.fill("#ask-baggage", "tenant=acme")
            page.press("#ask-baggage", "Enter")
            page.wait_for_selector("#answer .verdict.on")
            page.fill("#ask-baggage", "tenant=globex")
            page.press("#ask-baggage", "Enter")
            page.wait_for_selector("#answer .verdict.off")
            assert "'globex'" in page.inner_text("#answer")

            row.get_by_role("button", name=re.compile("Remove")).click()
            page.wait_for_selector("#rules-list li.mine", state="detached")
            until(page, "document.getElementById('audit-list').textContent.includes('removed by alice')")
        assert complaints == []
    assert service.context.rules == ()
    assert [one["eventType"] for one in service.audits] == ["otel_ctxlog.ruleAdded", "otel_ctxlog.ruleRemoved"]


def test_hostile_text_stays_text(browser: Browser, service: Service) -> None:
    """In every field of a record, in rules, origins, tenants, spans, the trail and the name of the service."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("shop")
    for text in HOSTILE:
        cl.define_realm(f"defined {text}", text)
        service.context.add_rule(
            cl.ConditionRule(cl.DEBUG, cl.Realm(text), cl.Attribute(text, text)), origin=cl.Origin("file", text, text)
        )
        service.context.audit("ruleAdded", actor=text, detail=text, rule=service.context.rules[0])
    with served("server", service) as client:
        for text in HOSTILE:
            token = context.attach(baggage.set_baggage(text, text))
            with tracer.start_as_current_span(text, attributes={text: text}):
                service.context.unbound_logger(cl.Realm(text), cl.Name(text)).error(
                    text, **{text: text, "nested": {text: [text]}}
                )
                service.context.eventer(cl.Realm(text)).event(text, field=text)
            context.detach(token)
        host, port = client.address
        with opened(browser, f"http://{host}:{port}/") as (page, complaints):
            until(page, "document.querySelectorAll('#tail-list .line').length >= 12")
            for line in page.locator("#tail-list .line").all():
                line.click()
            page.fill("#reason", HOSTILE[0])
            page.fill("#realm", HOSTILE[1])
            page.click("[data-condition=attribute]")
            page.fill("#conditions .name", HOSTILE[0])
            page.fill("#conditions .value", HOSTILE[1])
            until(page, "document.getElementById('preview-line').textContent.includes('onerror')")
            page.click("#submit")
            page.wait_for_selector("#rules-list li.mine")
            page.fill("#ask-realm", HOSTILE[0])
            page.click("#ask button[type=submit]")
            page.wait_for_selector("#answer .verdict")
            page.click("#configuration-show")
            page.wait_for_selector("#configuration-text:not([hidden])")
            page.locator("#rules-list li:not(.mine) button").first.click()
            page.wait_for_selector("#remove-dialog[open]")
            page.wait_for_timeout(500)

            assert page.evaluate("window.broken") is None
            assert page.locator("script").count() == 1
            assert page.locator("img, iframe, object, embed, svg [onload]").count() == 0
            for text in HOSTILE[:2]:
                assert text in page.inner_text("#tail-list")
                assert text in page.inner_text("#audit-list")
        assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1000, 1600])
def test_it_fits_into_narrow_and_wide_windows(browser: Browser, service: Service, width: int, scheme: str) -> None:
    """Nothing is wider than the window, also with long rules; text stands out from its ground."""
    service.context.add_rule(
        cl.ConditionRule(cl.DEBUG, cl.Realm("a/very/long/realm" * 12), cl.Attribute("n" * 90, "v" * 90))
    )
    with served("server", service) as client:
        service.log.info("x" * 500, key="v" * 300)
        host, port = client.address
        with opened(browser, f"http://{host}:{port}/", width=width, scheme=scheme) as (page, complaints):
            page.wait_for_selector("#tail-list .line")
            page.click("[data-condition=span]")
            page.wait_for_selector("#rules-list .what")
            page.wait_for_selector("#preview-list li")

            assert page.evaluate("document.documentElement.scrollWidth") <= width
            ground, text = page.evaluate(
                "(() => { const style = getComputedStyle(document.querySelector('#rules'));"
                " return [style.backgroundColor, style.color]; })()"
            )
            assert _contrast(ground, text) > 7
        assert complaints == []


def _contrast(left: str, right: str) -> float:
    """The contrast of two colours (WCAG 2.2)."""

    def luminance(color: str) -> float:
        parts = [int(one) / 255 for one in re.findall(r"\d+", color)[:3]]
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(left), luminance(right)))
    return (light + 0.05) / (dark + 0.05)


def test_it_can_be_used_without_a_mouse(browser: Browser, service: Service) -> None:
    """A skip link, every control with a name, dialogs that take and give back the focus."""
    service.context.add_rule(cl.ConditionRule(cl.ERROR, cl.Realm("urllib3")))
    with served("server", service) as client:
        host, port = client.address
        with opened(browser, f"http://{host}:{port}/") as (page, complaints):
            page.wait_for_selector("#rules-list .what")
            nameless = page.evaluate(
                "[...document.querySelectorAll('button, input, select, textarea')]"
                ".filter((one) => one.checkVisibility() && !one.ariaLabel && !one.textContent.trim())"
                ".filter((one) => !(one.labels && one.labels.length)).map((one) => one.outerHTML)"
            )
            first = page.evaluate("document.querySelector('a, button, input, select, textarea').className")
            page.focus("#rules-list button")
            page.keyboard.press("Enter")
            page.wait_for_selector("#remove-dialog[open]")
            inside = page.evaluate("document.querySelector('#remove-dialog').contains(document.activeElement)")
            page.keyboard.press("Escape")
            page.wait_for_selector("#remove-dialog", state="hidden")
            page.focus("#rules-list button")
            page.keyboard.press("Enter")
            page.fill("#remove-reason", "too quiet")
            page.keyboard.press("Enter")
            until(page, "document.getElementById('audit-list').textContent.includes('too quiet')")

        assert (nameless, first, inside, complaints) == ([], "skip", True, [])
    assert service.context.rules == ()


def test_a_wrong_token_is_asked_for_again(browser: Browser, service: Service) -> None:
    """It says why, and keeps the right one in this tab only."""
    with served("server", service) as client:
        host, port = client.address
        url = f"http://{host}:{port}/"
        made = browser.new_context()
        page = made.new_page()
        page.goto(url)
        page.fill("#token", "not-the-right-token")
        page.press("#token", "Enter")
        page.wait_for_selector("#token-error:not([hidden])")
        page.fill("#token", TOKENS["bob"])
        page.press("#token", "Enter")
        until(page, "document.getElementById('actor').textContent === 'as bob'")
        page.reload()
        until(page, "document.getElementById('actor').textContent === 'as bob'")
        stored = page.evaluate("[Object.keys(localStorage), document.cookie]")
        other = made.new_page()
        other.goto(url)
        other.wait_for_selector("#token-dialog[open]")

        assert stored == [[], ""]
        made.close()


def test_it_works_below_a_mount_and_survives_the_end_of_the_service(browser: Browser, service: Service) -> None:
    """Its links are relative; when the service has gone it says so and waits."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = admin.asgi_app(service.context, tokens=TOKENS)
    made = browser.new_context()
    page = made.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    with under_uvicorn(Starlette(routes=[Mount("/ops/logging", app=app)])) as url:
        page.goto(f"{url}/ops/logging/")
        page.fill("#token", TOKENS["alice"])
        page.press("#token", "Enter")
        page.wait_for_selector("#dot.on", state="attached")
    page.wait_for_selector("#dot.off", state="attached")

    assert "does not answer" in page.inner_text("#banner")
    assert errors == []
    made.close()
