"""Batches: a snapshot evaluates a large input in chunks, on several evaluators at once.

It owns the examples of a file or a directory, how they are cut into chunks that fit settings.yaml, the
threads of the workers, what is tried again, and the outputs, which are written as they come. It must not know
what the evaluators are: processes of this machine, or of a cluster. Start with `batch`; `evaluator` says what
a launcher must have, `examples` where the input comes from.
"""
