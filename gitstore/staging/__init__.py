"""The code directory as git would commit it.

It owns finding the files that git does not ignore (`working_files`), what git's attributes make of them
(`conversion`), what a snapshot refuses as code (`rules`), and adding the code to a write (`stage`). Branch,
index and files never change. It must not know models or settings. Start with `stage`.
"""
