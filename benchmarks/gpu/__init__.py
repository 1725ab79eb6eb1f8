"""What a GPU is wanted for, measured in a quarter of an hour; benchmarks/README.md tells it."""
