"""Hardware descriptions of other tools, as targets."""
