"""People's answers: who may, apply once, answer with toast and card."""
