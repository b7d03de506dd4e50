"""Completion in a shell: the scripts that a shell loads, and the answers to what they ask.

A script gives us the command line up to the cursor, in `COMP_WORDS`, and gets the suggestions back in the
format of click. Whatever happens, a shell sees no message of ours between its prompt and the cursor.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from gitstore.cli.completion import COMPLETING

SHELLS = ("bash", "zsh", "fish")

# To bash, words end at `=` and `:` and begin at `@`, and it replaces the last of them only: `cut` is what
# stays. git's completion adds no space after what it gets from others, so we do.
_BASH = """\
%(complete_func)s() {
    local type value cut= line=${COMP_LINE:0:COMP_POINT}
    local word=${line##*[[:space:]]} breaks=${COMP_WORDBREAKS//[^@=:]/}
    if [[ -n $breaks && $word == *["$breaks"]* ]]; then
        cut=${word%%"${word##*["$breaks"]}"}
        cut=${cut%%@}
    fi
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                if [[ $value == *[=/] ]]; then compopt -o nospace; fi
                printf -v value %%q "${value#"$cut"}"
                COMPREPLY+=("$value")
                ;;
        esac
    done < <(COMP_WORDS=$line %(complete_var)s=bash_complete %(prog_name)s 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s

_git_gitstore() {
    local i
    %(complete_func)s
    for i in "${!COMPREPLY[@]}"; do
        if [[ ${COMPREPLY[i]} != *[=/] ]]; then COMPREPLY[i]+=" "; fi
    done
}
"""

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a response plain open described
    local type key descr line="$* ${(j: :)words[1,CURRENT-1]} $PREFIX"
    response=("${(@f)$(COMP_WORDS=$line %(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")
    for type key descr in $response; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain)
                if [[ $key == *[=/] ]]; then open+=("$key")
                elif [[ $descr == _ ]]; then plain+=("$key")
                else described+=("$key:$descr")
                fi
                ;;
        esac
    done
    if (( $#described )); then _describe -V unsorted described -U; fi
    if (( $#plain )); then compadd -U -V unsorted -a plain; fi
    if (( $#open )); then compadd -U -V unsorted -S '' -a open; fi
}
_git-gitstore() { %(complete_func)s git ${opt_args[-C]:+-C $opt_args[-C]} }

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """\
function %(complete_func)s
    set -l line (commandline --current-process --cut-at-cursor | string collect)
    for each in (env COMP_WORDS=$line %(complete_var)s=fish_complete %(prog_name)s 2>/dev/null)
        set -l part (string split --max 1 "," -- $each)
        switch $part[1]
            case dir
                __fish_complete_directories $part[2]
            case file
                __fish_complete_path $part[2]
            case plain
                echo $part[2]
        end
    end
end
complete --command %(prog_name)s --no-files --arguments "(%(complete_func)s)"
complete --command git --no-files --condition "__fish_seen_subcommand_from %(prog_name)s" \\
    --arguments "(%(complete_func)s)"
"""


class _ByLine(ShellComplete):
    """A shell that hands over the command line as it is up to the cursor."""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_WORDS", "")
        words = split_arg_string(line)
        incomplete = words.pop() if words and not line[-1].isspace() else ""
        return _arguments(words), incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """As click finds them; for `--option=val` with the option, since shells take that for one word."""
        completions = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("--"):
            for item in completions:
                item.value = f"{option}={item.value}" if item.type == "plain" else item.value
        return completions


class Bash(_ByLine, BashComplete):
    """bash 4.4 or newer, and git's completion there."""

    source_template = _BASH


class Zsh(_ByLine, ZshComplete):
    """zsh, and its completion of git."""

    source_template = _ZSH


class Fish(_ByLine, FishComplete):
    """fish, and its completion of git."""

    source_template = _FISH


for _shell in (Bash, Zsh, Fish):
    add_completion_class(_shell)


def script(cli: click.Command, shell: str) -> str:
    """What a shell of `SHELLS` has to load."""
    completion = get_completion_class(shell)
    return completion(cli, {}, "gitstore", COMPLETING).source() if completion is not None else ""


def answer(cli: click.Command) -> None:
    """Print what the shell asks for; nothing if anything goes wrong."""
    shell, _, instruction = os.environ[COMPLETING].partition("_")
    completion = get_completion_class(shell)
    if completion is None or instruction != "complete":
        return
    try:
        click.echo(completion(cli, {}, "gitstore", COMPLETING).complete())
    except (Exception, KeyboardInterrupt):
        return  # no model here, a damaged repository: the command itself will say so


def _arguments(words: list[str]) -> list[str]:
    """The arguments of `gitstore …` or `git -C DIR gitstore …`, in which `~` still stands for the home."""
    before: list[str] = []
    if words and PurePath(words[0]).name == "git" and "gitstore" in words:
        at = words.index("gitstore")
        before = [word for word, previous in _pairs(words[:at]) if "-C" in (word, previous)]
        words = words[at:]
    return [
        str(Path(word).expanduser()) if previous == "-C" else word
        for word, previous in _pairs([*before, *words[1:]])
    ]


def _pairs(words: list[str]) -> list[tuple[str, str | None]]:
    """Each word with the one before it."""
    return list(zip(words, [None, *words], strict=False))
