"""The venue to the outside: HTTP and streams around a node."""
