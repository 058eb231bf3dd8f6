"""Predictions to scores, evidence and verdicts; tables only, no torch."""
