"""Records: what is known about how a state came to be, and what a snapshot once gave for some inputs.

It owns the records of trainings and of evaluations, how they are written as git notes, and the files that
belong to a record: inputs, outputs, series of metrics. It knows trees and refs, but neither arrays nor how
an operation runs: `run/recording/` makes records and compares them. Start reading at `record`, then
`evaluations` and `trainings`.
"""
