"""What a sandbox puts on Kubernetes: values in, manifests out, and how they get there."""
