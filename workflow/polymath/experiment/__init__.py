"""What an experiment is: configuration, conditions, contrasts, paths. No pandas, no torch."""
