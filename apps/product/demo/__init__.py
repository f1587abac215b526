"""The demonstration shop: what it sells and how that looks."""
