"""Operations: a model creates a state, trains or evaluates, in a worker process of its own.

It owns reading inputs (`values/`), starting a worker and talking with it (`supervisor`, `process`,
`worker/`), limits of time, the cache that snapshots run from, and the states that operations make. It does
not know how results are shown. Start with `evaluation` and `training`, then `supervisor`.
"""
