"""A sample plate that the product makes itself: realistic images whose every nucleus is known."""

from tmlib.sample.plate import SamplePlate, SampleSite, simulate_plate

__all__ = ["SamplePlate", "SampleSite", "simulate_plate"]
