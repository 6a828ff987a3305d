"""The Grafana dashboards, written as code."""
