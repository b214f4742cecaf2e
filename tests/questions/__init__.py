"""Tests of `otel_ctxlog.questions` and of the command `otel-ctxlog events`."""
