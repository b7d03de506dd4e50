"""Programs of the sandbox. They run without gitstore and without site-packages.

`sandboxed` is loaded by the guardian, with `staging`, `watchdog` and `cgroup`. `init` is process 1 inside the
sandbox, in the interpreter of the model, Python 3.9 or newer. They start before each worker, so they import
only modules that load fast.
"""
