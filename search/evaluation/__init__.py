"""Topics in, runs out, and runs scored against qrels."""
