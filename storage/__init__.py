"""Where an index lies, here or at a URI, and what its files may hold. Knows no torch and no Java."""
