"""Durable events, and what is delivered because of them: rows in SQLite.

It owns the events (`events`), their tables (`tables`), appending an event in somebody's transaction
(`append`), the queue of deliveries that workers claim (`deliveries`), reading both for people (`listing`),
and which refs events have told of (`observed`). Each function takes a connection that the caller opened. It
must not know stores, models or what a delivery does. Start with `events`, then `append`.
"""
