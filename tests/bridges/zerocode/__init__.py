"""Zero-code: programs that do not know this library."""
