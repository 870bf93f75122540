"""Pipelines that come with the product."""
