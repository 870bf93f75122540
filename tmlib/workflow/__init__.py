"""Workflows: their description, their steps, what users see of them."""
