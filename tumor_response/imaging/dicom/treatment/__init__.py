"""Plans and doses."""
