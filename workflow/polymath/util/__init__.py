"""Tools that know nothing of experiments: errors, atomic files, locks, logs, seeds, GPUs."""
