"""Benchmarks: measured, printed with medians, never asserted."""
