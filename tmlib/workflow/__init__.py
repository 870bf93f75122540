"""Workflows: their description, the ledger of jobs, the engine that moves them, the steps."""
