"""The commands of automation: rules, events and the worker, of a local repository and of a store."""
