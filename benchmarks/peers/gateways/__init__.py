"""haproxy and Fastify as a gateway that verifies tokens, and an nginx behind all of them that answers with 1 kB."""
