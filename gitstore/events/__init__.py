"""Events of a model, and the user's hooks that are called for them.

It owns one struct for each event (`events`), where git looks for hooks (`hooks_path`), and running a hook
(`process`). It knows no models: a room that changes one makes the event and calls `dispatch`. It must not
know what installs hooks, which is `hooks/`. Start with `events`, then `dispatch`.
"""
