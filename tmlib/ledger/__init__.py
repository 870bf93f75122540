"""The ledger of jobs: every piece of work is a row, claimed once and never lost."""
