#!/bin/sh
# Writes NAME.expected beside each NAME.cfg: what the reference says with -c. Usage: record.sh /path/to/haproxy
set -eu
haproxy=$1
cd "$(dirname "$0")"
for cfg in *.cfg; do
    status=0
    "$haproxy" -c -V -f "$cfg" >out.tmp 2>err.tmp || status=$?
    {
        sed -e 's/^\(\[[A-Z]*\]\) *([0-9]*) : config : /\1 /' \
            -e '/ : haproxy version is /d' -e '/ : path to executable is /d' err.tmp
        case $status in
            0) echo '=> accepted' ;;
            2) echo '=> accepted, no listener' ;;
            *) echo '=> refused' ;;
        esac
    } >"${cfg%.cfg}.expected"
done
rm -f out.tmp err.tmp
