"""Measure how trainable a model is before training."""
