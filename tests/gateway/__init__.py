"""The gateway, as a process of its own, before services that tests control."""
