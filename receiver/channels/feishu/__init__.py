"""Feishu and Lark: app bots and group bots."""
