"""The figures of the book: one house style, maps of attention, curves."""
