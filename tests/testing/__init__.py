"""The tests of `otel_ctxlog.testing` and of the pytest plugin."""
