"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from gitstore.cli.completion import candidates

if TYPE_CHECKING:
    from gitstore.run.conditions import Conditions

F = TypeVar("F", bound=Callable[..., Any])


def progress_option(function: F) -> F:
    """Add --progress and --no-progress, for what can take over a second."""
    return click.option(
        "--progress/--no-progress",
        "show_progress",
        default=None,
        help="Show a progress bar, or do not; by default, if stderr is a terminal and without --json.",
    )(function)


def no_verify_option(function: F) -> F:
    """Add --no-verify, spelled as in git: the pre-hook is not called."""
    return click.option(
        "--verify/--no-verify",
        "call_hook",
        default=True,
        help="Run the hook that can refuse, or skip it; see gitstore hooks --help.",
    )(function)


def pointers_option(function: F) -> F:
    """Add --force, for states with files that were never downloaded."""
    return click.option(
        "--force",
        is_flag=True,
        help="Accept Git LFS pointers in the state, and store the pointers themselves.",
    )(function)


def input_option(function: F) -> F:
    """Add --input, once for each value that an operation takes."""
    return click.option(
        "-p",
        "--input",
        "inputs",
        multiple=True,
        metavar="NAME=VALUE",
        shell_complete=candidates.inputs,
        help="A value in JSON, or NAME=@FILE (.npy, .npz:key, .safetensors:key, .parquet:column, .csv,"
        " .json, an image or a sound). To give a batch, repeat the option, or use @DIR/*.png or @@LIST.",
    )(function)


def no_lock_option(function: F) -> F:
    """Add --no-lock, to run with the packages that uv chooses."""
    return click.option(
        "--no-lock",
        "unlocked",
        is_flag=True,
        help="Ignore packages.lock: let uv choose what packages.requirements in settings.yaml do not say.",
    )(function)


def _parse_launcher(ctx: click.Context, parameter: click.Parameter, text: str | None) -> LauncherChoice:
    """Return the engine, and the address of a cluster."""
    engine, _, address = (text or "").partition(":")
    if text is not None and (engine not in ("local", "ray") or (engine == "local" and address)):
        raise click.BadParameter(f"{text} is not local, ray or ray:HOST:PORT", ctx, parameter)
    return LauncherChoice(engine or None, address or None)


class LauncherChoice(NamedTuple):
    """What the user chose in the place of `engine` in settings.yaml, and of `gitstore.rayAddress`."""

    engine: str | None
    address: str | None

    def apply(self, conditions: Conditions) -> Conditions:
        """Return the conditions with this choice."""
        from dataclasses import replace

        return replace(conditions, engine=self.engine, ray_address=self.address or conditions.ray_address)


def launcher_option(function: F) -> F:
    """Add --launcher, in the place of the engine in settings.yaml."""
    return click.option(
        "--launcher",
        metavar="LAUNCHER",
        callback=_parse_launcher,
        help="Where to evaluate: local, ray, or ray:HOST:PORT. The default is that of settings.yaml; the"
        " cluster's address that of gitstore.rayAddress in git's configuration.",
    )(function)


def signing_options(function: F) -> F:
    """Add --sign, --no-sign and --local-user, the key to sign with, as git tag has them."""
    with_key = click.option(
        "-u",
        "--local-user",
        "key",
        metavar="KEY",
        callback=_check_key,
        help="Sign the tag with this key, not with user.signingKey.",
    )(function)
    return click.option(
        "-s",
        "--sign/--no-sign",
        default=None,
        is_eager=True,
        help="Sign the tag like git tag --sign, or do not; the default is tag.gpgSign.",
    )(with_key)


def _check_key(ctx: click.Context, _: click.Parameter, key: str | None) -> str | None:
    if key is not None and ctx.params["sign"] is False:
        raise click.UsageError("give --local-user, or --no-sign", ctx)
    return key
