"""How processes end, and what arrives of what they have queued."""
