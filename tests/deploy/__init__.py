"""What the stack in deploy/ consists of fits together, and what it asks for is what the library emits."""
