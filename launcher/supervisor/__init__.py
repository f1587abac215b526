"""The daemon that keeps the processes of one platform running.

It knows nothing of the shop: `launcher.system` tells it over a Unix socket what to run.
"""
