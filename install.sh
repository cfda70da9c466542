#!/bin/sh
# Builds hopscope from this checkout and installs it below a prefix. Asks for no rights, edits no start-up file, and
# uses the network only for what cargo has to fetch.
set -eu

name=hopscope

main() {
  prefix=${PREFIX:-${HOME:?HOME is not set; give --prefix}/.local}
  dry=0
  remove=0
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix) [ $# -ge 2 ] || die '--prefix needs a directory'; prefix=$2; shift 2 ;;
      --prefix=*) prefix=${1#*=}; shift ;;
      --uninstall) remove=1; shift ;;
      --dry-run) dry=1; shift ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die "unknown option: $1" ;;
    esac
  done
  [ -n "$prefix" ] || die 'the prefix is empty'
  bin=${DESTDIR:-}$prefix/bin
  documents=${DESTDIR:-}$prefix/share/doc/$name
  umask 022
  if [ "$remove" -eq 1 ]; then uninstall; else install_all; fi
}

usage() {
  printf '%s\n' "usage: install.sh [--prefix DIR] [--uninstall] [--dry-run]" \
    "  --prefix DIR   where to install (default: \$PREFIX, else ~/.local); DESTDIR is put before it" \
    "  --uninstall    remove what was installed there" \
    "  --dry-run      say what would be done"
}

install_all() {
  checkout=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
  need cargo 'install Rust from your distribution or from https://rustup.rs'
  run cargo build --release --locked --manifest-path "$checkout/Cargo.toml"
  built=${CARGO_TARGET_DIR:-$checkout/target}/release/$name
  [ "$dry" -eq 1 ] || [ -x "$built" ] || die "cargo built no $built"
  run mkdir -p "$bin" "$documents"
  place "$built" "$bin/$name" 755
  place "$checkout/LICENSE" "$documents/LICENSE" 644
  place "$checkout/README.md" "$documents/README.md" 644
  [ "$dry" -eq 1 ] || say "installed: $bin/$name"
  case ":${PATH:-}:" in
    *":$prefix/bin:"*) ;;
    *) say "not on PATH yet: export PATH=\"$prefix/bin:\$PATH\"" ;;
  esac
}

uninstall() {
  for file in "$bin/$name" "$documents/LICENSE" "$documents/README.md"; do
    [ ! -e "$file" ] || run rm -f -- "$file"
  done
  [ ! -d "$documents" ] || [ "$dry" -eq 1 ] || rmdir -- "$documents" 2>/dev/null || say "kept, not empty: $documents"
  [ "$dry" -eq 1 ] || say "removed from: $bin"
}

# Copies beside the target and renames, so that a running program is not disturbed and no half file is left.
place() {
  run cp -- "$1" "$2.new.$$"
  run chmod "$3" "$2.new.$$"
  run mv -f -- "$2.new.$$" "$2"
}

run() {
  if [ "$dry" -eq 1 ]; then say "would run: $*"; else "$@"; fi
}

say() { printf '%s\n' "$name: $*"; }
die() { printf '%s\n' "$name: $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null 2>&1 || die "needs '$1' on PATH: $2"; }

main "$@"
