"""Who may: users and their passwords."""
