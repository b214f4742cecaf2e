"""The adapters to OpenTelemetry: the only room that imports it."""
