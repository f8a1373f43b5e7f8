"""The HTTP API: reads, signed commands, health, and the OpenAPI document that says so."""
