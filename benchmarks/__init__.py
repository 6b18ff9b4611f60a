"""Training workloads, timed side by side with other libraries: ``python -m benchmarks``."""
