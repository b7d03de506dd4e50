"""`gitstore demo`: the story as command lines (`story`), and the shell that runs them (`shell`).

It knows gitstore's commands only as a person does, by their text. Start reading at `story.CHAPTERS`.
"""
