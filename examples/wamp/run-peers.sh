#!/usr/bin/env bash
# Tests the WAMP client against the router fox-wamp and against Autobahn|Python,
# Autobahn|JS and wampy, and compares its speed with a bare client and Autobahn|Python.
# It installs missing packages: those of peers/package.json with npm, in a folder that
# git ignores, and Autobahn|Python with apt-get.
#
#   ./run-peers.sh test     all tests, with both backends
#   ./run-peers.sh bench    calls per second, and what a session costs
set -euo pipefail
cd "$(dirname "$0")"

install() {
    if ! cmp -s peers/package.json peers/node_modules/installed.json; then
        # Their native modules are for storage and speed that the tests do not use.
        timeout 300 npm install --prefix peers --ignore-scripts --no-audit --no-fund --no-package-lock
        cp peers/package.json peers/node_modules/installed.json
    fi
    if ! /usr/bin/python3 -c 'import autobahn, argon2, cbor2' 2>/dev/null; then
        local -a as_root=()
        if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
        timeout 300 "${as_root[@]}" apt-get update -q
        timeout 600 "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-autobahn python3-argon2 python3-cbor2
    fi
}

run_tests() {
    for tag in deferred future; do
        echo "go test -tags peers,$tag ./..."
        timeout 600 go test -count=1 -timeout 9m -tags "peers,$tag" ./...
    done
}

work='' router='' # removed and stopped at the end, also after an error

clean_up() {
    if [ -n "$router" ]; then kill "$router" 2>/dev/null || true; fi
    if [ -n "$work" ]; then rm -rf "$work"; fi
}
trap clean_up EXIT

run_bench() {
    local url='' calls=10000
    work=$(mktemp -d)
    for tag in deferred future; do timeout 300 go build -tags "$tag" -o "$work/$tag" ./bench; done
    timeout 600 node peers/router.cjs 0 >"$work/router" &
    router=$!
    for _ in $(seq 100); do
        url=$(sed -n 's|^listening |ws://127.0.0.1:|p' "$work/router")
        if [ -n "$url" ]; then break; fi
        sleep 0.1
    done
    if [ -z "$url" ]; then
        echo "fox-wamp did not start" >&2
        return 1
    fi
    for tag in deferred future; do
        echo "Through the router of the tests:"
        timeout 300 "$work/$tag"
        echo "Through fox-wamp:"
        timeout 300 "$work/$tag" -url "$url"
    done
    echo "Autobahn|Python through fox-wamp, $calls calls under way at once, the best of 5 rounds:"
    for framework in twisted asyncio; do timeout 120 /usr/bin/python3 peers/bench.py "$framework" "$url" "$calls"; done
    kill "$router"
    wait "$router" 2>/dev/null || true
    router=''
    for tag in deferred future; do
        echo "What a session costs, and how many timers their pings take ($tag):"
        timeout 120 go test -count=1 -tags "$tag" -v -run TestThousandSessions ./wamp | sed -n 's/^ *crowd_test.go:[0-9]*: /  /p'
    done
}

case "${1:-}" in
test)
    install
    run_tests
    ;;
bench)
    install
    run_bench
    ;;
*)
    echo "usage: $0 test|bench" >&2
    exit 2
    ;;
esac
