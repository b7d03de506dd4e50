"""Running a model's code: the contract, the worker it runs in, and the operations made of that."""
