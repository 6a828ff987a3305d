"""Alertmanager's API as a client: the silences that people ask for."""
