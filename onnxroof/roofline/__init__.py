"""Traffic and a target to time, energy, bounds and ridge points."""
