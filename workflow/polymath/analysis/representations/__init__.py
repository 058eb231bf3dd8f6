"""Compare the hidden states and attention of models."""
