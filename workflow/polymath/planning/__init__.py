"""What an experiment costs and where it stands; no torch."""
