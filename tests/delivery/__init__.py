"""Delivery: the queue, the sender, the transports."""
