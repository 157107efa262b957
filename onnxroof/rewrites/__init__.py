"""Workload to workload, for any target."""
