"""Where cards are shown: one folder a platform, none importing another."""
