"""From a model to sentences (section 6.1)."""
