"""Webhooks in: authenticate, parse, apply, answer."""
