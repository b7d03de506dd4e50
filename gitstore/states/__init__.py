"""What can be done with a state: save it, write it to disk, import, rename and remove it.

What a state is, is in models.state. Start with `save`."""
