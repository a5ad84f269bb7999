"""A checkpoint's files, what they say about encoding, and the masked LM in them."""
