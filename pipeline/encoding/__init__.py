"""Token ids to impacts."""
