"""Convert checkpoints to the one form that every stage reads."""
