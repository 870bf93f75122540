"""What those who run an installation see of it: its present state, metrics and logs."""
