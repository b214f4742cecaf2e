"""Bridges: logging code that exists, through the same rules and into the same target."""
