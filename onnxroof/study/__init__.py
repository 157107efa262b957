"""The orchestration: load, analyze, compare."""
