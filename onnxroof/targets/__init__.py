"""Accelerators: the data model, the reader of target files, and the catalogue that travels with the package."""
