"""Benchmarks by name: a judged collection indexed, searched, scored and reported in one command."""
