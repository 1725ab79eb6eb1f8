"""What users would take instead: one file for each, with its training, its search, our weights."""
