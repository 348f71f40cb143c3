"""Benchmarks: one scenario a file; `nox -s bench` runs them."""
