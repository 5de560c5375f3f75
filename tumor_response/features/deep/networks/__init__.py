"""Networks that turn views into features."""
