"""Measurements of a running platform. Each script says what it did, under which load, and prints medians."""
