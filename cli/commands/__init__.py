"""One module for each command, in packages by noun; the few that have no noun are here.

`COMMANDS` says which module has which command. A command parses, calls one function of the library,
and lets `render/` show its value. A module here imports heavy things only inside its functions, so
that `gitstore --version` and the completion of a shell stay fast.
"""

# In the order of a model's life, which is the order of --help.
COMMANDS = {
    "init": "models.init",
    "settings": "settings",
    "lock": "lock",
    "env": "run.env",
    "state": "states.state",
    "train": "run.train",
    "status": "models.status",
    "snapshot": "snapshots.snapshot",
    "list": "snapshots.list_",
    "show": "snapshots.show",
    "diff": "snapshots.diff",
    "evaluate": "run.evaluate",
    "serve-model": "run.serve_model",
    "launcher": "run.launcher",
    "verify": "snapshots.verify",
    "export": "snapshots.export",
    "restore": "snapshots.restore",
    "alias": "snapshots.alias",
    "rename": "snapshots.rename",
    "rm": "snapshots.rm",
    "derive": "models.derive",
    "rebase": "models.rebase",
    "detach": "models.detach",
    "models": "models.models",
    "log": "models.log",
    "clone": "sharing.clone",
    "get": "sharing.get",
    "push": "sharing.push",
    "pull": "sharing.pull",
    "store": "store.store",
    "usage": "storage.usage",
    "gc": "storage.gc",
    "automation": "automation.automation",
    "hooks": "hooks",
    "demo": "demo",
    "completion": "completion",
}

STORE_COMMANDS = {
    "init": "store.init",
    "create": "store.create",
    "list": "store.list_",
    "show": "store.show",
    "derive": "store.derive",
    "rm": "store.rm",
    "gc": "store.gc",
    "verify": "store.verify",
    "audit": "store.audit",
    "check": "store.check",
    "alias": "store.alias",
    "worker": "store.worker",
    "events": "store.events",
    "usage": "store.billing.usage",
    "invoice": "store.billing.invoice",
    "forecast": "store.billing.forecast",
    "meter": "store.billing.meter",
    "keys": "store.front.keys",
    "shell": "store.front.shell",
    "http-backend": "store.front.http_backend",
}
"""The commands of `gitstore store`, as `COMMANDS` has the others."""

STORE_HOOKS = {"hook": "store.front.hook"}
"""The command that git runs as the hooks of a store."""
