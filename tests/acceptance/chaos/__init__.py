"""Everything is killed, again and again, and everything must end right."""
