"""Launching on a Ray cluster: snapshots travel to its nodes, and are evaluated there as on this machine.

It owns the connection to a cluster, what an operation asks of a node, and how a snapshot, inputs and answers
travel. It must not know how models run: a node has a gitstore of the same version, and its own local
launcher, cache and environments. Ray is an extra, which `cluster` alone imports. Start with `launcher`;
`node` is what runs on a node.
"""
