"""A Feishu, and where needed an Alertmanager, on loopback: honest about limits and errors."""
