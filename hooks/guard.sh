#!/bin/sh
# gitstore hooks install wrote this (@SUM@): only gitstore moves or removes a snapshot. docs/hooks.md says how.
next=@NEXT@ python=@PYTHON@
[ "$1" = prepared ] || { [ ! -x "$next" ] || exec "$next" "$@"; exit 0; }
IFS= read -r input && IFS= read -r more && input=$(printf '%s\n' "$input" "$more"; cat)
case $input in *\ refs/tags/* | *\ refs/states/*)
	dir=$(git rev-parse --git-common-dir) && lines=$(printf '%s\n' "$input" | grep -E ' refs/(tags|states)/') || exit 1
	# git deletes with packed-refs locked: without that lock, these lines pack refs or look whether they are there
	[ -e "$dir/packed-refs.lock" ] || [ -d "$dir/reftable" ] || lines=$(printf '%s\n' "$lines" | grep -v ' 0* refs/')
	there=$(printf '%s\n' "$lines" | sed 's/.* //' | git cat-file --batch-check==) || exit 1
	if printf '%s\n' "$there" | grep -q '^='; then
		printf '%s\n' "$lines" | "$python" -Pm gitstore.cli -C "$dir" hooks run reference-transaction --input - || {
			"$python" -Pc 'import gitstore' || echo "gitstore: $python has no gitstore, so no tag or state changes here; mend it with: gitstore hooks install" >&2; exit 1; }
	fi ;; esac
[ ! -x "$next" ] || { [ -z "$input" ] || printf '%s\n' "$input"; } | "$next" "$@"
