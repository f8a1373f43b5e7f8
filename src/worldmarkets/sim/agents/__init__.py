"""A market of development: a recording played in real time by agents that trade as anybody does, with signed commands.

What is played is in `played`, whose keys rule and trade in `keys`, who trades in `makers`, `lenders` and `takers`.
Nothing here is real: the funds come from a faucet, and the keys are derived from a seed that is printed below.
"""
