"""What is asked for: configuration, conditions, contrasts, paths. Neither pandas nor torch."""
