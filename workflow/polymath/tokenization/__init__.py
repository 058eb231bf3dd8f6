"""Records to a model's token ids."""
