"""What a store's hooks do with a push: collect its facts, ask the policy, and reserve what it costs.

Start with `facts`, which reads git's quarantine.
"""
