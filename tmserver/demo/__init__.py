"""The main job from one command: from a folder of images to a map with every cell on it."""
