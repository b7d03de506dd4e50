"""Commands for the operator of a store."""
