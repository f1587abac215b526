"""HTTP as clients speak it: the server, one connection, one request and its response."""
