"""The pytest plugin, in real pytest runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

_SHOP = """
import otel_ctxlog as cl

log = cl.log(cl.Realm("shop/cart"))

def price(net):
    log.debug("price calculated", net=net)
    log.info("priced")
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(shop=_SHOP)
    return pytester


def test_the_fixture_captures_what_a_module_logs(shop: pytest.Pytester, plugin: tuple[str, ...]) -> None:
    """Loggers made at import are captured; rules of one test do not reach the next."""
    shop.makepyfile(
        """
        import otel_ctxlog as cl
        from otel_ctxlog.testing import Capture
        from shop import price

        def test_debug(ctxlog: Capture):
            ctxlog.with_rules("rules: [{rule: {level: Debug, conditions: [{realm: shop/cart}]}}]")
            price(84)
            ctxlog.assert_logged("price calculated", level="debug", net=84)

        def test_no_debug(ctxlog):
            price(84)
            assert [record.body for record in ctxlog.records] == ["priced"]
            assert [call.message for call in ctxlog.suppressed] == ["price calculated"]

        def test_nothing_is_left():
            assert cl.default_context().rules == ()
            assert "wrapped" not in repr(vars(cl.Logger)["debug"].__dict__)
        """
    )

    shop.runpytest(*plugin).assert_outcomes(passed=3)


def test_a_failure_in_the_terminal(shop: pytest.Pytester, plugin: tuple[str, ...]) -> None:
    """The error points at the line of the test, and the report has a section with all that was logged."""
    shop.makepyfile(
        """
        from shop import price

        def test_price(ctxlog):
            price(84)
            ctxlog.assert_logged("price calculated", net=84)
        """
    )

    result = shop.runpytest(*plugin)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       ctxlog.assert_logged("price calculated", net=84)',
            "E       AssertionError: no log record with message='price calculated', net=84",
            "E       a call that matches was suppressed:",
            "E         DEBUG [[]shop/cart[]] price calculated net=84  (shop.py:6)",
            "E           level Info by the default level: no rule matched",
            "test_a_failure_in_the_terminal.py:5: AssertionError",
            "*- Captured ctxlog call -*",
            "logged (1):",
            "  INFO  [[]shop/cart[]] priced  (shop.py:7)",
            "suppressed (1):",
            "  DEBUG [[]shop/cart[]] price calculated net=84  (shop.py:6)",
        ]
    )
    # The library's own frames are hidden.
    result.stdout.no_fnmatch_line("*capturing.py*")


def test_every_phase_has_its_own_section(shop: pytest.Pytester, plugin: tuple[str, ...]) -> None:
    """What fixtures logged before and after is shown with their phase, and nothing twice."""
    shop.makepyfile(
        """
        import pytest
        import otel_ctxlog as cl

        log = cl.log()

        @pytest.fixture
        def stock(ctxlog):
            log.info("in setup")
            yield
            log.info("in teardown")
            raise ValueError

        def test_it(stock, ctxlog):
            log.info("in call")
            ctxlog.assert_logged("in setup")
            assert False
        """
    )

    result = shop.runpytest(*plugin)

    result.stdout.fnmatch_lines(
        [
            "*- Captured ctxlog setup -*",
            "INFO  in setup  (*",
            "*- Captured ctxlog call -*",
            "logged (1):",
            "  INFO  in call  (*",
            "*- Captured ctxlog teardown -*",
            "logged (1):",
            "  INFO  in teardown  (*",
        ],
        consecutive=False,
    )


def test_a_test_that_does_not_log_has_no_section(shop: pytest.Pytester, plugin: tuple[str, ...]) -> None:
    """No section without records, and none without the fixture."""
    shop.makepyfile("def test_a(ctxlog): assert False\ndef test_b(): assert False\n")

    result = shop.runpytest(*plugin)

    result.assert_outcomes(failed=2)
    result.stdout.no_fnmatch_line("*ctxlog call*")


def test_fixtures_share_one_capture(shop: pytest.Pytester, plugin: tuple[str, ...]) -> None:
    """A fixture of the user that builds on `ctxlog` sees the same records, and may capture a further context."""
    shop.makepyfile(
        """
        import pytest
        import otel_ctxlog as cl
        from otel_ctxlog.testing import capture

        @pytest.fixture(scope="module", autouse=True)
        def everything():
            with capture() as log:
                yield log
            assert len(log.records) == 2

        @pytest.fixture
        def service(ctxlog):
            context = cl.LoggingContext()
            ctxlog.capture(context)
            return context.logger()

        def test_one(service, ctxlog):
            service.info("own")
            cl.log().info("default")
            assert [record.body for record in ctxlog.records] == ["own", "default"]

        def test_two(ctxlog):
            cl.log().info("default")
            assert len(ctxlog.records) == 1
        """
    )

    shop.runpytest(*plugin).assert_outcomes(passed=2)


@pytest.mark.slow
def test_parallel_workers_do_not_meet(shop: pytest.Pytester, plugin: tuple[str, ...]) -> None:
    """Under pytest-xdist each test sees its own records."""
    pytest.importorskip("xdist")
    shop.makepyfile(
        """
        import pytest
        from shop import price

        @pytest.mark.parametrize("number", range(20))
        def test_price(ctxlog, number):
            ctxlog.with_rules(default_level="debug" if number % 2 else None)
            price(number)
            assert len(ctxlog.records) == 1 + number % 2
            assert len(ctxlog.suppressed) == 1 - number % 2
        """
    )

    shop.runpytest_subprocess(*plugin, "-p", "xdist", "-n", "2").assert_outcomes(passed=20)


_LOADED = """
import json, sys
import pytest

class Watch:
    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        result = yield
        seen[item.name] = sorted(sys.modules)
        return result

seen = {}
code = pytest.main([*sys.argv[1:], "-q", "-p", "no:cacheprovider", "-p", "no:logging"], plugins=[Watch()])
print(json.dumps([int(code), seen]))
"""


def test_nothing_heavy_is_loaded_before_the_fixture(shop: pytest.Pytester, plugin: tuple[str, ...]) -> None:
    """A run whose tests do not use the fixture loads no SDK, no YAML and nothing of `otel_ctxlog.testing`."""
    shop.makepyfile("def test_a(): pass\ndef test_b(ctxlog): pass\n")
    command = [sys.executable, "-c", _LOADED, *plugin]
    run = subprocess.run(command, cwd=shop.path, capture_output=True, text=True, check=False, timeout=60)
    code, seen = json.loads(run.stdout.splitlines()[-1])

    def loaded(test: str, *packages: str) -> list[str]:
        return [name for name in seen[test] if any(name == one or name.startswith(f"{one}.") for one in packages)]

    assert code == 0
    heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "yaml", "grpc", "google.protobuf", "requests")
    assert loaded("test_a", *heavy, "otel_ctxlog.testing", "otel_ctxlog.config", "otel_ctxlog.pipeline") == []
    assert loaded("test_b", *heavy, "otel_ctxlog.config", "otel_ctxlog.pipeline") == []
    assert loaded("test_b", "otel_ctxlog.testing") != []


def test_unittest_needs_no_pytest(shop: pytest.Pytester) -> None:
    """`capture` works under unittest, and loads nothing of pytest."""
    shop.makepyfile(
        test_unit="""
        import sys
        import unittest

        import shop
        from otel_ctxlog.testing import capture

        class PriceTest(unittest.TestCase):
            def setUp(self):
                self.log = capture()
                self.log.__enter__()
                self.addCleanup(self.log.__exit__, None, None, None)

            def test_price(self):
                shop.price(1)
                self.log.assert_logged("priced")
                self.assertNotIn("pytest", sys.modules)

        if __name__ == "__main__":
            unittest.main()
        """
    )

    run = subprocess.run(
        [sys.executable, "test_unit.py"], cwd=shop.path, capture_output=True, text=True, check=False, timeout=60
    )

    assert (run.returncode, "OK" in run.stderr) == (0, True)
