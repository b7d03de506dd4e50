#!/bin/sh
# gitstore hooks install wrote this (@SUM@): it runs the hook that git would run without gitstore.
next=@NEXT@
[ ! -x "$next" ] || exec "$next" "$@"
