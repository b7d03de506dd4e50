"""Shapes of what models of a store use and cost. Money is in micro-units, millionths of the currency."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "store usage": Shape(
        "What the models of a store use: now, or over a period.",
        keys("""
            since         date?               where the period begins; null is now
            until         date?               where it ends
            currency      text                the currency of the costs
            bytes         bytes               what is stored at the end
            byte_seconds  int?                bytes times seconds over the period
            cost          int                 the cost of the period, or of a month of what is stored now
            lines         store-usage-line[]  a line for each model, or for each ref of a model
        """),
    ),
    "store usage line": Shape(
        "What a model or a ref uses.",
        keys("""
            model         text   OWNER/MODEL
            kind          text?  `snapshot`, `state`, `branch` and the like; null is the whole model
            name          text?  the name of the ref, as people write it
            ref           text?  the ref
            tag           id?    the tag, if it is a snapshot
            bytes         bytes  what it is charged for at the end
            seconds       int?   for how long it was charged for anything in the period
            byte_seconds  int?   bytes times seconds over the period
            cost          int    what that costs
        """),
    ),
    "invoice": Shape(
        "What an owner owes for a month.",
        keys("""
            owner     text            the owner
            since     date            where the period begins
            until     date            where it ends; now, if the month is not over
            currency  text            the currency
            total     int             the sum of the lines
            lines     invoice-line[]  what is charged
        """),
    ),
    "invoice line": Shape(
        "What a ref costs at one price.",
        keys("""
            model         text   OWNER/MODEL
            kind          text   `snapshot`, `state`, `branch` and the like
            name          text   the name of the ref, as people write it
            ref           text   the ref
            tag           id?    the tag, if it is a snapshot
            since         date   where the part of the month begins in which the price holds
            until         date   where it ends
            bytes         bytes  what it was charged for on average, while it was charged for anything
            seconds       int    for how long it was
            hours         num    the same in hours, rounded
            byte_seconds  int    bytes times seconds
            price         text?  the price; null is none
            amount        int    what that costs
        """),
    ),
    "store forecast": Shape(
        "What a store's models will cost, and what a removal would save.",
        keys("""
            currency  text              the currency
            months    month-forecast[]  what the current month costs each owner if nothing changes
            removal   removal-saving?   what removing what was named would save a month
        """),
    ),
    "month forecast": Shape(
        "What a month will cost an owner.",
        keys("""
            owner  text  the owner
            cost   int   what the whole month costs
        """),
    ),
    "removal saving": Shape(
        "What a removal would save a month.",
        keys("""
            bytes   bytes           what nobody would be charged for any more
            cost    int             what that costs a month
            owners  owner-saving[]  each owner whose charges would change
        """),
    ),
    "owner saving": Shape(
        "What an owner would save; less than 0 is more to pay, for what the owner inherits.",
        keys("""
            owner  text  the owner
            bytes  int   bytes that the owner is charged for no more
            cost   int   what they cost a month
        """),
    ),
}
