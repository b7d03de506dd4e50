"""Events of a model: the user's hooks that are called for them, and the journal that keeps them.

It owns one struct for each event of a hook (`events`), where git looks for hooks (`hooks_path`), and running
one (`process`): a room that changes a model makes the event and calls `dispatch`. The `journal` compares a
repository's refs with what was told before (`differences`), for automation; its events are in `outbox/`. It
must not know what installs hooks or works the outbox off. Start with `events`, then `dispatch`.
"""
