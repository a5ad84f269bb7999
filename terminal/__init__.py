"""What a person sees: results, reports, bars, and what Ctrl-C left."""
