"""Workflows that are disturbed in every way that operators fear, and must not show it.

`victim` is the installation that suffers, `faults` what is done to it, `moments` when; `story` is
what its user does meanwhile, `fingerprint` everything that is there afterwards. `runs` puts them
together, and ``python -m tests.acceptance.torture`` repeats that for as long as one likes.
"""
