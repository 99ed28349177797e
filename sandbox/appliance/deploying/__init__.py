"""The `cluster` profile: the control plane on a Kubernetes cluster that somebody else runs."""
