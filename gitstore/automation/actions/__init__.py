"""What a rule can do for an event: `webhook`, `evaluate`, `move_alias` and `run_program`, each once.

It owns the four actions, what an event looks like to receivers and programs (`cloud_event`), and sending it
to an address that is safe (`http_post`). It must not know when something is tried again: an action says what
became of one attempt (`result`). Start with `act`.
"""
