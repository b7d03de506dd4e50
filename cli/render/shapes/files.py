"""Shapes of checks of settings.yaml and packages.lock, of hooks, and of errors."""

from __future__ import annotations

from gitstore.cli.render.shapes.shape import Shape, keys

SHAPES = {
    "settings check": Shape(
        "Whether settings.yaml is valid.",
        keys("""
            ok        flag    whether it is
            problems  text[]  a line for each problem
        """),
    ),
    "locked packages": Shape(
        "What packages.lock contains now.",
        keys("""
            path      text?   packages.lock; null if there is none
            python    text    the version of Python that it is for
            changed   flag    whether the file was written
            packages  text[]  the packages, such as `numpy==2.4.6`
            added     text[]  those that are new
            removed   text[]  those that are no longer there
        """),
    ),
    "lock check": Shape(
        "Whether packages.lock is up to date.",
        keys("""
            ok      flag  whether it is
            status  text  `current`, `missing`, `stale`, `edited`, or `foreign` if it is not ours
        """),
    ),
    "installed guard": Shape(
        "The git hook that protects snapshots.",
        keys("""
            path       text   the hook
            following  text?  the directory of the hooks that it also runs
        """),
    ),
    "uninstalled guard": Shape(
        "What uninstalling the guard changed.",
        keys("""
            restored  text[]  files that were removed or restored
            left      text[]  files that were not removed, because they were changed
        """),
    ),
    "hook list": Shape(
        "The hooks of a repository.",
        keys("""
            directory  text    where git looks for hooks
            protected  flag    whether stock git is kept from changing snapshots
            hooks      hook[]  all hooks, by name
        """),
    ),
    "hook": Shape(
        "A hook of git or of gitstore.",
        keys("""
            name        text   its name
            path        text   its file
            of          text   who calls it: `git` or `gitstore`
            whose       text   who wrote it: `user`, `gitstore`, or `chained`: yours, run by gitstore's
            executable  flag   whether the file can be run
            runs        flag   whether it runs
            current     flag?  whether hooks install would write the same; null for your own
        """),
    ),
    "failure": Shape("What stderr ends with if a command fails.", keys("error  error  the error")),
    "error": Shape(
        "Why a command failed.",
        keys("""
            kind       text    what went wrong, in a word: `bad_settings`, `usage`
            message    text    a line for each problem
            hint       text?   what to do
            exit_code  int     the exit code
            details    object  more data, by the kind of error
        """),
    ),
}
