"""Look into the models themselves."""
