"""The engine against a naive evaluator of the contract."""
