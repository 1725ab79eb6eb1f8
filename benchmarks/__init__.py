"""Ours and peers side by side: `make bench`; README.md says what is measured and how."""
