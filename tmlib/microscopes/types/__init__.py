"""One module per microscope type; its object ``MICROSCOPE`` is all that the product needs."""
