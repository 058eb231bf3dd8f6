"""Make training steps faster. tests/benchmarks/ablation.py measures what each piece gains."""
