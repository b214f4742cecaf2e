"""OpenTelemetry's own records through the rules."""
