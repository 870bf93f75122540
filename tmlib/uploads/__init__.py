"""Uploads: registering, receiving and verifying microscope files."""
