"""The script that Serve runs as HAProxy: it closes side doors, and sees to it that one answers.

Serve's template binds the statistics page, which has no password, and the metrics to every
interface, and opens the admin socket to every user. The script mends that in the configuration
before HAProxy reads it, puts the edge's rules first in the frontend on the main port, and gives
HAProxy the edge's own sections as a second file (`edge/`). Without these rules it starts none.

Serve starts HAProxy itself, and notices half a minute late that it is gone. So each HAProxy has a
watcher, which waits until the pipe closes that this process alone holds open, and then starts
another one with the same configuration: a stand-in. It answers no questions of Serve's, so that
Serve goes on to start one of its own, which takes over the sockets of whoever answers then. A
manager of Serve's that is new knows no applications yet; it begins with those that were known
last, where HAProxy would answer 404 to everybody until then. Where none were, it is 503.

Serve hands the head's paths on to managers on other nodes: there the configuration and the sockets
lie below the head's folder. The script notes the place, so that it goes with the node.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from serve_app.cluster.edge.files import EDITS, EDITS_AT_START, FRONTEND, SECTIONS
from serve_app.cluster.edge.rules import FIRST, UNKNOWN
from serve_app.cluster.environment import Ports

if TYPE_CHECKING:
    # Images write the script where none of the libraries is.
    import psutil

LAUNCHER = "haproxy.sh"
_BINARY = "haproxy="
_ELSEWHERE = "elsewhere"

STAND_IN_S = 600
"""So long a stand-in answers where Serve starts no HAProxy of its own, as after its shutdown."""

_SCRIPT = r"""#!/bin/sh
# Written by serve-app: see serve_app/cluster/proxy_launcher.py.
umask 077
haproxy=@HAPROXY@
own=@OWN@
edits=@EDITS@
edits_at_start=@EDITS_AT_START@
sections=@SECTIONS@
is_haproxy() { { tr '\0' '\n' < "/proc/$1/cmdline" | grep -q '^-db$'; } 2>/dev/null; }
socket_of() { sed -n 's/^ *stats socket \([^ ]*\) .*/\1/p' "$1"; }
with_socket() { sed "s|^\( *stats socket\) [^ ]*|\1 $2|" "$1"; }

if [ "$1" = "--watch" ]; then
  # Of the HAProxy $2 that follows $3, with its files in $4: standard input ends when it does.
  cd "$4" || exit 0
  rm -f "alive.$2"
  read -r _ || true
  until_s=$(($(date +%s) + @STAND_IN_S@))
  while [ "$(cat current)" = "$2" ] && [ "$(date +%s)" -lt "$until_s" ]; do
    began_s=$(date +%s)
    "$haproxy" -db -f "$2.cfg" -f "$sections" $5 &
    stand_in=$!
    echo "$stand_in" > stand-in
    while is_haproxy "$stand_in" && [ "$(date +%s)" -lt "$until_s" ]; do sleep 0.5; done
    kill -USR1 "$stand_in" 2>/dev/null
    wait "$stand_in" && continue
    # It could not listen, since the one before has never been replaced: that one stays.
    if [ -n "$3" ] && is_haproxy "$3" && [ "$(date +%s)" -le "$((began_s + 2))" ]; then
      echo "$3" > current
    fi
    sleep 0.2
  done
  rm -f "$2.cfg"
  exit 0
fi

config=
previous=
reloads=
shared=
for argument in "$@"; do
  if [ "$previous" = "-f" ]; then config=$argument; fi
  if [ "$argument" = "-sf" ]; then reloads=yes; fi
  if [ "$argument" = "-dR" ]; then shared=-dR; fi
  previous=$argument
done
if [ -z "$config" ] || [ ! -f "$config" ]; then exec "$haproxy" "$@"; fi
folder=$(dirname "$config")
case $folder in
  "$own"/*) ;;
  *) echo "$folder" > "$own/@ELSEWHERE@" ;;
esac 2>/dev/null
guarded() { grep -q '^ *@FIRST@$' "$config"; }
guarded ||
  sed -e 's/^\( *bind\) \*:@STATS@$/\1 127.0.0.1:@STATS@/' \
      -e 's/^\( *bind\) :@METRICS@$/\1 127.0.0.1:@METRICS@/' \
      -e 's/mode 666 level admin/mode 600 level admin/' \
      -f "$edits" \
      "$config" > "$config.mended" && cat "$config.mended" > "$config"
if ! guarded; then
  echo "serve-app: $config has no frontend @FRONTEND@ for the rules of the edge" >&2
  exit 1
fi

socket=$(socket_of "$config")
former=$(cat "$folder/current" 2>/dev/null)
if [ -z "$reloads" ] && [ -n "$former" ]; then
  if [ -f "$folder/$former.cfg" ] && ! grep -q '^backend http-' "$config"; then
    with_socket "$folder/$former.cfg" "$socket" > "$config.mended" &&
      cat "$config.mended" > "$config"
  fi
  # Whoever answers now was not started by the manager that starts this one.
  other=$(cat "$folder/stand-in" 2>/dev/null)
  if [ -n "$other" ] && is_haproxy "$other"; then
    [ -S "$folder/stand-in.sock" ] && set -- "$@" -x "$folder/stand-in.sock"
    set -- "$@" -sf "$other"
  elif is_haproxy "$former"; then
    [ -S "$socket" ] && set -- "$@" -x "$socket"
    set -- "$@" -sf "$former"
  fi
fi
if ! grep -q '^backend http-' "$config" &&
   { [ -z "$reloads" ] || grep -q '@UNKNOWN@$' "$folder/$former.cfg"; } 2>/dev/null; then
  sed -f "$edits_at_start" "$config" > "$config.mended" && cat "$config.mended" > "$config"
fi
with_socket "$config" "$folder/stand-in.sock" > "$folder/$$.cfg"
alive=$folder/alive.$$
rm -f "$alive"
if mkfifo -m 600 "$alive" && exec 9<> "$alive"; then
  setsid "$0" --watch "$$" "$former" "$folder" "$shared" \
      < "$alive" 9>&- > "$folder/stand-in.log" 2>&1 &
fi
echo "$$" > "$folder/current"
exec "$haproxy" "$@" -f "$sections"
"""


def write_proxy_launcher(folder: Path, binary: str, ports: Ports) -> None:
    """Write the script as `haproxy.sh`: it runs the program `binary` as HAProxy.

    It needs the files that `edge.files.write_edge` writes into the same folder.
    """
    script = _SCRIPT
    for name, value in {
        "@HAPROXY@": shlex.quote(binary),
        "@OWN@": shlex.quote(str(folder)),
        "@ELSEWHERE@": _ELSEWHERE,
        "@UNKNOWN@": UNKNOWN,
        "@EDITS_AT_START@": shlex.quote(str(folder / EDITS_AT_START)),
        "@EDITS@": shlex.quote(str(folder / EDITS)),
        "@SECTIONS@": shlex.quote(str(folder / SECTIONS)),
        "@FIRST@": FIRST,
        "@FRONTEND@": FRONTEND,
        "@STAND_IN_S@": str(STAND_IN_S),
        "@STATS@": str(ports.stats),
        "@METRICS@": str(ports.proxy_metrics),
    }.items():
        script = script.replace(name, value)
    path = folder / LAUNCHER
    path.write_text(script)
    path.chmod(stat.S_IRWXU)


def remove_files_elsewhere(folder: Path) -> None:
    """Remove what the script in a node's folder noted to lie below the head's, if anything does.

    The head's folder goes too where it is empty then: the head is on another machine. What is no
    folder of a proxy within one of a cluster's is left alone, whoever noted it.
    """
    try:
        place = Path((folder / _ELSEWHERE).read_text().strip())
    except OSError:
        return
    if place.parent.name != "p" or not place.parent.parent.name.startswith("sa-"):
        return
    shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(OSError):
        place.parent.rmdir()
        place.parent.parent.rmdir()


def launched_binary(path: Path) -> Path:
    """The program that a file runs as HAProxy: another one where the file is a launcher."""
    if path.name != LAUNCHER:
        return path
    lines = path.read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(_BINARY))
    return Path(*shlex.split(line.removeprefix(_BINARY)))


def is_watcher(process: psutil.Process) -> bool:
    """Whether a process would start another HAProxy once the one that it waits for is gone.

    Raises:
        psutil.Error: it is gone, or cannot be looked at.
    """
    words = process.cmdline()[1:3]
    return len(words) == 2 and Path(words[0]).name == LAUNCHER and words[1] == "--watch"
