#!/usr/bin/env bash
# The Autobahn test suite against our own read side. Needs a Python 2.7 (the suite has no other); says so where there is none.
# PYTHON2=path picks one. Everything is installed into .autobahn/ of the checkout.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"

works() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' >/dev/null 2>&1; }
python2=""
for candidate in ${PYTHON2:+"$PYTHON2"} python2.7 python2 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python; do
    if works "$candidate"; then python2=$candidate; break; fi
done
if [ -z "$python2" ]; then
    echo "autobahn: skipped: the suite runs only under Python 2.7 and none was found; set PYTHON2=/path/to/python2.7"
    exit 0
fi

site=.autobahn/site
if [ ! -f .autobahn/installed ]; then
    echo "autobahn: installing the suite into .autobahn (once)"
    "$python2" -m pip install --quiet --disable-pip-version-check --target "$site" autobahntestsuite==25.10.1 2> >(grep -v DEPRECATION >&2)
    touch .autobahn/installed
fi

port=$("$root/.venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
reports=$root/.autobahn/reports
rm -rf "$reports"
cat >.autobahn/fuzzingserver.json <<EOF
{"url": "ws://127.0.0.1:$port", "outdir": "$reports", "webport": 0,
 "cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"], "exclude-cases": [], "exclude-agent-cases": {}}
EOF
"$python2" -c "import site, sys; site.addsitedir('$site'); from autobahntestsuite.wstest import run; run()" \
    -m fuzzingserver -s .autobahn/fuzzingserver.json >.autobahn/server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
"$root/.venv/bin/python" tests/autobahn/client.py "ws://127.0.0.1:$port" || { tail -20 .autobahn/server.log; exit 1; }
"$root/.venv/bin/python" tests/autobahn/verdict.py "$reports/index.json"
