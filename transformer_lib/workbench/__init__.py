"""The workbench: what the book's chapters share, so that each derives its idea alone."""
