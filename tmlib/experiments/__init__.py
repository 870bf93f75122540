"""What belongs to what: experiments, plates, acquisitions, wells, sites, cycles, channels."""
