"""The ledger's tables: one module for each kind of row, which reads and writes it.

It knows no rule: what is charged to whom is decided above. Start with `schema`.
"""
