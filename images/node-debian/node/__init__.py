"""A Kubernetes node in one container: its first process, and what it starts."""
