"""The tests of the durable spool, at the level of the store."""
