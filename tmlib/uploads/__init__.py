"""Files in: registering, receiving and verifying what a microscope wrote."""
