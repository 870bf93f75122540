"""How fast it is, compared to other programs on the same images with the same results."""
