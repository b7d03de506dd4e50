"""What a store's models hold, since when, and who is charged for it, in `ROOT/ledger.sqlite`.

It owns the charging rule, the chained rows of admissions and deletions, reservations and quotas. It knows
objects by id, size and what they refer to, and refs by name: values that it is given. It reads no
repository, no configuration and no clock. Start with `ledger.Ledger`; `charging` has the rule.
"""
