"""Automation: what happens because of events, as rules in automation.yaml or in a store's store.yaml say.

It owns the rules (`rules`, read by `config`), choosing those that an event meets (`selection`, pure), the
`actions`, and the worker that works the outbox off, as often as it takes (`worker`, `backoff`). Where rules
and repositories are is a `place`; only `store_place` knows stores. Start with `rules`, then `worker`.
"""
