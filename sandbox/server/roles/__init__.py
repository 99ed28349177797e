"""One module a role of the control plane; `sandbox.server.process` puts them together."""
