"""Launchers: what operations run on, beside a process that starts and ends with each of them.

It owns warm launchers, which keep the model of a snapshot instantiated and answer evaluations over a Unix
socket: the server, its clients, and the directory in which they find each other. It must not know how models
run (that is `run/`), nor the command line. Start with `server`, then `client`; `directory` says where they
meet.
"""
