"""The code directory as git would commit it.

It owns which files git does not ignore, what git's attributes make of them, what a snapshot refuses as code,
and adding them to a write. Start with `stage`."""
