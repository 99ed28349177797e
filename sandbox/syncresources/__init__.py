"""Cluster resources: what every project and domain has in the cluster, kept as admin and templates say."""
