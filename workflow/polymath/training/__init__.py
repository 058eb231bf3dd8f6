"""Tokens to predictions and learning curves; the only room that trains."""
