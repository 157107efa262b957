"""Being here puts this folder on the path of every test: `from oracles.… import …`."""
