"""The commands of `gitstore state`."""
