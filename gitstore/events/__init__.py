"""What happens to a model, and the user's programs that are called for it.

It owns one class for each event, finding the hook of an event, and running it. Start with `events`."""
