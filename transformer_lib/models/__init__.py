"""Sequence-to-sequence models: the Transformer (3.1) and its recurrent and convolutional rivals (1, 2)."""
