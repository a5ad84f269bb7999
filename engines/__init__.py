"""Where the work runs: one device, several, or a Ray cluster."""
