"""What stored bytes cost: periods, prices, byte-seconds, invoices and forecasts.

Everything here is arithmetic on values: rows of the ledger, prices and times that are passed in. It opens no
ledger and no repository, reads no clock and prints nothing. Byte-seconds are exact integers, prices and sums
exact fractions, money integers of millionths of a currency unit (`money`), rounded once, at the end. Start
reading at `invoice`.
"""
