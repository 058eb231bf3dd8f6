"""What knows nothing of experiments: errors, atomic files, locks, logs, seeds, GPUs."""
