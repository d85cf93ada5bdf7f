#!/usr/bin/env bash
# Runs every check on a bare Debian or Ubuntu with Python 3.11 or newer: makes its own virtual environment in
# .venv-test, finds or installs a Chromium, and stops at the first check that fails.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

python=""
for candidate in python3 python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || { echo "Python 3.11 or newer is needed, and none is on the path. Install it and run this again." >&2; exit 2; }

find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
install_chromium() { # as Debian's package, where we may
  if ! find_chromium && [ "$(id -u)" = 0 ] && command -v apt-get; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium
  fi
}

# What takes one core each runs side by side: packages and the browser, then types and the tests.
install_chromium >/dev/null 2>&1 &
installing=$!

say "environment"
[ -x .venv-test/bin/python ] || "$python" -m venv .venv-test
pip() { .venv-test/bin/pip install --quiet --disable-pip-version-check "$@"; }
pip -r requirements.txt -r tests/requirements.txt
pip --no-deps encodec==0.1.1 # see tests/requirements.txt
export PATH="$PWD/.venv-test/bin:$PATH"

say "browser"
wait "$installing" || true
if ! find_chromium && ! python -m playwright install chromium; then
  echo "The browser tests need a Chromium, and none could be found or installed: neither Debian's package (needs" \
    "root) nor Playwright's download worked. Install one (apt-get install chromium) and run this again." >&2
  exit 2
fi

say "format and lint"
ruff format --check .
ruff check .
say "import order"
lint-imports --no-logo

types=$(mktemp)
mypy >"$types" 2>&1 &
typing=$!
check_types() {
  say "types"
  wait "$typing" || { cat "$types"; exit 1; }
  tail -1 "$types"
}

documented=(vqcore app/figures app/theme.py app/wording.py demos)
if [ $# -gt 0 ]; then # a selection, as pytest takes it
  say "tests"
  check_types
  pytest --doctest-modules "${documented[@]}" tests "$@"
  exit
fi
say "tests without a browser"
pytest -n auto --doctest-modules "${documented[@]}" tests --ignore=tests/browser
check_types
# A browser that draws in software on shared cores is now and then too slow for a wait: a test that fails runs once
# more, which the summary shows, and one that fails twice fails.
say "tests in a browser"
pytest -n 2 --dist loadfile --reruns 1 -raR tests/browser
