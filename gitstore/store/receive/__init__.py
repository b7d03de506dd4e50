"""What the hooks of a push do: access, the facts of the push, policy, reservation, and settling the ledger.

It runs inside git receive-pack, and raises what the pusher is to read. Start with
`pre_receive`; `facts` reads git's quarantine.
"""
