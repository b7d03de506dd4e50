#!/bin/sh
# gitstore store init wrote this. docs/store.md describes it.
#
# git receive-pack runs it as the hook @NAME@, githooks(5), in the repository that is pushed to.
python=@PYTHON@

[ -x "$python" ] || {
	echo "gitstore: $python is gone, so this store takes no pushes;" \
		"its operator repairs it with: gitstore store init ROOT" >&2
	exit 1
}
"$python" -Pm gitstore.cli store hook @NAME@ --store "${0%/hooks/*}" --process "$PPID"
status=$?
[ "$status" = 0 ] || "$python" -Pc 'import gitstore' 2>/dev/null ||
	echo "gitstore: $python has no gitstore, so this store takes no pushes;" \
		"its operator repairs it with: gitstore store init ROOT" >&2
exit "$status"
