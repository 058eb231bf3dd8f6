"""A model to train or to look into."""
