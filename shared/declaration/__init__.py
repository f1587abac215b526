"""What a service says of itself, once, in `service.py` of its folder; plain Python that needs no Django.

The launcher, the settings, the tests and the documents read it there: nobody else has a list of services.
"""

from shared.declaration.discovery import declared
from shared.declaration.points import CONSUMER, OUTBOX, POINTS, RELAY
from shared.declaration.service import DeadLetters, DeclarationError, Evidence, Process, Service

__all__ = [
    "CONSUMER",
    "OUTBOX",
    "POINTS",
    "RELAY",
    "DeadLetters",
    "DeclarationError",
    "Evidence",
    "Process",
    "Service",
    "declared",
]
