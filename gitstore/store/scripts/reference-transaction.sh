#!/bin/sh
# gitstore store init wrote this. docs/store.md describes it.
#
# git runs it as the hook reference-transaction, githooks(5), for every change of refs. git syncs files, but
# no directories: the names of new packs must be durable before a ref needs them, and then the ref's name.
cd "${GIT_DIR:-.}" || exit 1
case $1 in
prepared) exec sync objects objects/pack ;;
committed) exec find refs -type d -exec sync . {} + ;;
esac
