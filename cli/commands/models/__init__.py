"""Commands about models: create, list and derive them, their base, and how one stands."""
