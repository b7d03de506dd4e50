"""One module for each command. A module here imports heavy things only inside its functions."""
