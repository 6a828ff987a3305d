"""What the world does without telling us: time today, the sources' own truth next."""
