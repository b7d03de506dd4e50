"""Commands that show what the models of a store use and cost."""
