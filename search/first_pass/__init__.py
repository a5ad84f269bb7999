"""First passes: each finds documents that may be the best for a query, which are then scored exactly."""
