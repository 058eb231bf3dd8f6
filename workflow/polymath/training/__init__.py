"""Fine-tuning: the only room that knows about devices."""
