"""Pixels: microscope files, plate layout, illumination, channel images, mosaics and tiles."""
