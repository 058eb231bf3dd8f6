"""Make training steps faster. resources/docs/training.md has what each piece gains."""
