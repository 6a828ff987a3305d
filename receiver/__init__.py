"""One living Feishu card per incident."""
