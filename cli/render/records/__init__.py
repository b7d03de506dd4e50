"""How records are shown: how states were trained, with charts, and evaluations and their differences."""
