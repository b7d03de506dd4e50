"""Files of tensors: recognising one by its bytes, and finding where its tensors lie.

It owns the formats safetensors, npy, GGUF and zip archives of stored members (npz, PyTorch): what of each is
accepted is part of the format of a repository, so that all writers cut a file alike. It knows no objects and
no disk: it reads a file through `Readable`, and unpickles or executes nothing. Start with `regions`.
"""
