"""What the tests of several services need: a realm of their own, callers, messages. Never imported by a service."""
