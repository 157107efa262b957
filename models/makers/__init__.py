"""The functions that make the models, by what they are of. Each takes the file to write."""
