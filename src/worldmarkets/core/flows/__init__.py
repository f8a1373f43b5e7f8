"""What the engine does with a command that passed the door."""
