"""One module for each kind of node: how it begins, what it does once prepared, how it is aborted."""
