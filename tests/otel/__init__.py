"""OpenTelemetry as we use it."""
