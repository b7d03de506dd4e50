"""Commands about snapshots: take, list, show, compare, verify, export, restore, rename and remove them."""
