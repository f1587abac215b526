"""Messages that are neither lost nor handled twice: outbox, relay, inbox, consumer, dead letters.

Sources: Transactional outbox and idempotent consumer (Richardson, Microservices Patterns, chapter 3);
CloudEvents 1.0, Kafka protocol binding.
"""
