"""Simulations: recorded markets replayed inside the engine, and conformance cases."""
