#!/bin/sh
# For meson install: has the program that was built write its man page and its completions to where they are looked for.
set -eu
share=$MESON_INSTALL_DESTDIR_PREFIX/share
mkdir -p "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/vendor-completions" \
  "$share/fish/vendor_completions.d"
"$1" manual >"$share/man/man1/posthorn.1"
"$1" completions bash >"$share/bash-completion/completions/posthorn"
"$1" completions zsh >"$share/zsh/vendor-completions/_posthorn"
"$1" completions fish >"$share/fish/vendor_completions.d/posthorn.fish"
