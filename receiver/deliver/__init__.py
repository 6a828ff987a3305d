"""Cards driven to the newest revision: claim, decide, render, send or patch, settle."""
