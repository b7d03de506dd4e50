"""What can be done with a snapshot: take it, verify it, export, restore, rename and remove it.

What a snapshot is, is in models.snapshot. Start with `take`."""
