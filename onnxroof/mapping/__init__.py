"""Workload and costs to loop nests, reuse curves, fusion groups and traffic per memory level."""
