"""The images of this project's own: what each is made of, and how it gets into a node."""
