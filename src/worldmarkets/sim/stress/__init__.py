"""Real crashes, replayed on a venue full of portfolios, under three ways to deal with who can no longer pay."""
