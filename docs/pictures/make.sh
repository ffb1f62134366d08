#!/usr/bin/env bash
# Draws the plan of the orders example, and a stop of it under load. Needs curl.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=docs/pictures
address=127.0.0.1:${PORT:-8099}
scratch=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$scratch"' EXIT

cargo build --quiet -p orders
orders=${CARGO_TARGET_DIR:-target}/debug/orders

LIFECYCLE_PLAN=svg "$orders" >"$scratch/orders-plan.svg"

# 24 clients, one after the other, each with one order after the other. An order takes 100 ms.
place() {
    while curl -sf -o "$scratch/answer.$1" "http://$address/orders" -H 'content-type: application/json' \
        -d '{"sku": "tea", "quantity": 1}'; do :; done
}
ORDERS_ADDR=$address DATABASE_URL=sqlite://$scratch/orders.db ORDERS_WORK_MS=100 RUST_LOG=warn \
    LIFECYCLE_GRACE_PERIOD=30s LIFECYCLE_SHUTDOWN_DELAY=50ms LIFECYCLE_REPORT=$scratch/orders-stop.svg "$orders" &
service=$!
until curl -sf -o "$scratch/ready" "http://$address/readyz"; do sleep 0.05; done
for client in {1..24}; do
    place "$client" &
    sleep 0.004
done
sleep 2
kill -TERM $service
wait $service
install -m 644 "$scratch"/orders-{plan,stop}.svg "$here"
