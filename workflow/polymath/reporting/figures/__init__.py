"""Figures, one drawing each."""
