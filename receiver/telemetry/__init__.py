"""Metrics, traces and logs: each is constructed and passed, none is global."""
