"""Commands that ssh, web servers and git start in a store."""
