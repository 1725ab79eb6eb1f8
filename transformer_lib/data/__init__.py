"""Parallel text, cut into pieces and packed into batches (section 5.1)."""
