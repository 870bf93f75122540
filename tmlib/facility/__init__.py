"""The facility: who may use which instrument when, for which proposal, and what came of it."""
