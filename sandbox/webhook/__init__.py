"""The pod webhook: the API server asks it about pods that want secrets, and it says how they get them."""
