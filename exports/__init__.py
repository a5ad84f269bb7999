"""What other engines and tools load: an index in their formats."""
