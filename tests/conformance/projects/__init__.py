"""The projects of the conformance suite: a module for every row of its table."""
