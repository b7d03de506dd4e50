"""How hooks are shown: their table, and what installing and uninstalling the guard changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitstore.cli import output

if TYPE_CHECKING:
    from gitstore.hooks.install import Installed, Uninstalled
    from gitstore.hooks.listing import Hook, HookListing


def to_json(hook: Hook) -> dict[str, Any]:
    """The shape of a hook in a list."""
    return {
        "name": hook.name,
        "path": str(hook.path),
        "of": hook.program,
        "whose": hook.owner,
        "executable": hook.is_executable,
        "runs": hook.runs,
        "current": hook.is_current,
    }


def show_list(listing: HookListing, *, as_json: bool) -> None:
    """All hooks of a repository, and whether stock git is kept from changing snapshots."""
    if as_json:
        hooks = [to_json(hook) for hook in listing.hooks]
        output.print_json(
            {"directory": str(listing.directory), "protected": listing.is_protected, "hooks": hooks}
        )
        return
    if listing.hooks:
        rows = [
            [hook.name, hook.program, hook.owner, _describe_run(hook), str(hook.path)]
            for hook in listing.hooks
        ]
        output.print_table(["HOOK", "OF", "WHOSE", "RUNS", "PATH"], rows)
    if listing.is_protected:
        output.print_message("Stock git cannot move or remove snapshots")
    else:
        output.print_message("Stock git can move and remove snapshots; gitstore hooks install prevents that")


def _describe_run(hook: Hook) -> str:
    """Whether a hook runs, and why not."""
    if not hook.is_executable:
        return "no: not executable"
    if not hook.runs:
        return "no: nothing runs it"
    return "yes" if hook.is_current is not False else "yes, outdated: gitstore hooks install updates it"


def show_installed(installed: Installed, *, as_json: bool) -> None:
    """The guard that was installed, and the directory of hooks that it also runs."""
    following = str(installed.following) if installed.following is not None else None
    if as_json:
        output.print_json({"path": str(installed.path), "following": following})
        return
    output.print_message(f"Installed {installed.path}: stock git can no longer move or remove snapshots")
    if following is not None:
        output.print_message(f"The hooks that ran before still run: {following}")


def show_uninstalled(uninstalled: Uninstalled, *, as_json: bool) -> None:
    """What was restored, and a warning for each file that was not removed."""
    if as_json:
        output.print_json(
            {
                "restored": [str(path) for path in uninstalled.restored],
                "left": [str(path) for path in uninstalled.remaining],
            }
        )
    elif uninstalled.restored:
        output.print_message("Uninstalled: the hooks are as they were before gitstore hooks install")
    elif not uninstalled.remaining:
        output.print_message("There is nothing to uninstall")
    for path in uninstalled.remaining:
        output.print_message(
            f"warning: {path} was not removed: it was changed after gitstore wrote it;"
            " remove it unless you need it"
        )
