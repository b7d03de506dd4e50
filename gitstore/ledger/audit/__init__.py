"""What an audit asks of the ledger alone: each module compares tables with each other, and names the row.

It changes nothing and reads no repository; `store.audit` does that, and compares `inspection`, which has all
that the ledger says of a model. `matching` is about rows and events.
"""
