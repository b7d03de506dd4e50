"""The scripts that `gitstore hooks install` fills in and puts where git runs them: see `hooking.stubs`."""
