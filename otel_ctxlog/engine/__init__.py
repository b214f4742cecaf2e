"""The rule engine: standard library only."""
