"""What a push to a store may do: a pure function from the facts of a push to its refusals.

It owns the rules, each with its name and reason (`rules`), the values that they read (`push`, `limits`), and
the settings of git that bound what git does before any rule is asked (`git_settings`). It knows no
repository, no process and no clock; `store/receive/facts` collects the facts. Start with `push` and `decide`.
"""
