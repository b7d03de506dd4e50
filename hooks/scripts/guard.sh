#!/bin/sh
# gitstore hooks install wrote this (@SUM@): only gitstore moves or removes a snapshot. docs/hooks.md says how.
#
# git runs it as the hook reference-transaction, githooks(5). Each line of its input is: OLD NEW REF. If it
# fails when called with "prepared", git changes no ref. The user's own hook runs afterwards.
next=@NEXT@
python=@PYTHON@

# With any other argument, there is nothing to refuse.
if [ "$1" != prepared ]; then
	[ ! -x "$next" ] || exec "$next" "$@"
	exit 0
fi

# cat would be one more process, and most transactions have a single line.
IFS= read -r input && IFS= read -r second && input=$(printf '%s\n' "$input" "$second"; cat)

case $input in *\ refs/tags/* | *\ refs/states/*)
	directory=$(git rev-parse --git-common-dir) || exit 1
	changes=$(printf '%s\n' "$input" | grep -E ' refs/(tags|states)/') || exit 1
	# git deletes refs with packed-refs locked. If it is not locked, NEW is zeros because git packs the ref,
	# or only verifies it.
	if [ ! -e "$directory/packed-refs.lock" ] && [ ! -d "$directory/reftable" ]; then
		changes=$(printf '%s\n' "$changes" | grep -v ' 0* refs/')
	fi
	# OLD does not say whether a ref exists: it is zeros for a forced change, too. cat-file prints = for each
	# ref that exists.
	existing=$(printf '%s\n' "$changes" | sed 's/.* //' | git cat-file --batch-check==) || exit 1
	# New refs are free, so Python, which is slow to start, decides only about the others.
	if printf '%s\n' "$existing" | grep -q '^='; then
		printf '%s\n' "$changes" |
			"$python" -Pm gitstore.cli -C "$directory" hooks run reference-transaction --input - || {
			"$python" -Pc 'import gitstore' ||
				echo "gitstore: $python has no gitstore, so no tag or state changes here;" \
					"repair it with: gitstore hooks install" >&2
			exit 1
		}
	fi ;;
esac

if [ -x "$next" ]; then
	{ [ -z "$input" ] || printf '%s\n' "$input"; } | "$next" "$@"
fi
