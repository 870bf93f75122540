"""Image analysis pipelines: their description, the modules they are made of, and the runner."""
