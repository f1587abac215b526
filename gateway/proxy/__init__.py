"""What goes on to a service and comes back: connections to services, HTTP and WebSocket, shared responses."""
