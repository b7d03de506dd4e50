"""Shapes of events and rules."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "event": Shape(
        "Something that has happened, and what was done because of it.",
        keys("""
            id          text         its id, which is the same in each delivery
            type        text         its type, such as `snapshot.created`
            time        date         when it was recorded
            owner       text?        the model's owner in a store; null in a local repository
            model       text         the model
            user        text?        who did it, if that is known
            subject     text         what it is about: a snapshot, a state, an alias, a model
            data        object       the keys of its type, see [automation.md](automation.md)
            deliveries  delivery[]   one for each rule that it met
        """),
    ),
    "delivery": Shape(
        "An event for a rule.",
        keys("""
            rule      text       the rule
            state     text       `waiting`, `delivered`, `failed` or `dropped`
            attempts  int        how often it was tried since it was queued
            due       date?      when it is tried, if it waits
            log       attempt[]  all attempts
        """),
    ),
    "attempt": Shape(
        "An attempt to do what a rule says.",
        keys("""
            started  date   when it began
            ended    date?  when it ended
            outcome  text?  `delivered`, `failed`, `dropped` or `interrupted`; null while it is under way
            detail   text?  the answer, the output, or what is wrong
        """),
    ),
    "automation rules": Shape(
        "The rules of a repository.",
        keys("""
            path   text    their file
            rules  automation-rule[]  the rules
        """),
    ),
    "automation rule": Shape(
        "A rule in short.",
        keys("""
            name    text    its name
            on      text[]  the types of events
            action  text    `webhook`, `evaluate`, `alias` or `run`
        """),
    ),
}
