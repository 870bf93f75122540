"""Experiments and what belongs to them: plates, acquisitions, wells, sites, cycles, channels."""
