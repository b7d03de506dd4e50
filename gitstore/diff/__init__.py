"""Comparing snapshots with each other and with the working copy: settings, code and state; and status.

Owns what counts as a difference, down to keys, files and tensors. It writes
nothing but the stat cache, and knows neither how snapshots are taken nor how a difference is shown. Start
with `diff`; `status` reads the short form.
"""
