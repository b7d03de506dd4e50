"""Snapshots of other repositories, without a clone of them: reading and removing them there.

A reference such as `origin:v1` or `URL@v1` becomes a place (`place.py`). `view.py` fetches what reading it
needs into a temporary repository; nothing of it stays. Start reading there.
"""
