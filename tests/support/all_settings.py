"""Settings with all keys: the example of the design. The tag's id must not pass for a number."""

ALL_KEYS = """\
name: digits
description: Handwritten digits, 8x8 grey levels
filesystem_size: 32MiB          # limit on code/ in a snapshot and on scratch disk while an operation runs
types:                          # the inputs and outputs of each operation
  create_state:
    - {name: seed, types: [i64], shape: [], required: false}
  train:
    - {name: images, types: [f32, f64], shape: [-1, 64]}
    - {name: labels, types: [u8, i64], shape: [-1]}
  evaluate:
    inputs:  [{name: images, types: [f32, f64], shape: [-1, 64]}]
    outputs: [{name: digit, types: [u8], shape: [-1]}]
max_durations: {code_startup: 60s, instantiate_model: 60s, create_state: 10m, train: 24h, evaluate: 60s}
packages: {python: "3.11", requirements: [numpy==2.4.6]}     # exact versions
default_launchers:
  create_state: {cpus: 1, memory: 1GiB}
  train:        {cpus: 2, memory: 4GiB, gpus: {count: 0}}
  evaluate:     {engine: local, cpus: 1, memory: 1GiB, disk: 256MiB}
based_on:       # derived only; gitstore writes it
  {model: classifier, snapshot: v1, tag: 1111111111111111111111111111111111111111,
   commit: c0ffee0000000000000000000000000000000000, url: https://models.example/classifier.git}
"""
