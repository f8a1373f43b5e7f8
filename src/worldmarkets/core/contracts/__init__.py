"""What a match means: arithmetic and settlement of one contract."""
