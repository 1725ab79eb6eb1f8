"""How to train a model (section 5)."""
