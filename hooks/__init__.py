"""The place of the hook scripts that gitstore installs into repositories. There are none yet."""
