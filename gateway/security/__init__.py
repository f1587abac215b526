"""Who and what is let in: admission, limits, paths, headers, cross-origin rules."""
