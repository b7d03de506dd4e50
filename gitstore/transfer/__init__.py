"""Models between repositories: clone, push and pull, with stock git on the wire.

It decides which refs move and which objects are needed, and lets stock git carry them: to a path, over ssh
or HTTP, to any host. Plans are pure functions on values (`push_plan.py`). It knows models and snapshots,
but not what is done with them. Start reading at `push.py`.
"""
