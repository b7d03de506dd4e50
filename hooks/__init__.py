"""Hook scripts that gitstore installs into repositories."""
