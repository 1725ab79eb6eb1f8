"""The layers, a file for an idea (sections 3.1 to 3.5)."""
