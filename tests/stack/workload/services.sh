# shellcheck shell=bash
# What the scripts that run services share: starting them, reading their ground truth, asking whether all has arrived.
# Sourced, never run. The sourcing script has sourced ../lib.sh, read the env file, and set `truth`, `suffix` and, for
# `arrived`, `logs`.
# shellcheck disable=SC2154

# told SERVICE COUNT WORD...: whether the ground truth has at least COUNT lines of that service that hold all the words.
told() {
  local lines service=$1 count=$2 word
  shift 2
  [ -r "$truth" ] || return 1
  lines=$(grep -F "\"service\":\"$service\"" "$truth") || return 1
  for word in "$@"; do lines=$(grep -F -- "$word" <<<"$lines") || return 1; done
  [ "$(wc -l <<<"$lines")" -ge "$count" ]
}

# launch_java NAME PORT OPTION...: one of the two Java services under the agent. An option that is given twice holds both values.
launch_java() {
  local name=$1 port=$2
  shift 2
  OTEL_SERVICE_NAME=$name OTEL_EXPORTER_OTLP_ENDPOINT=$OTLP OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \
    OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none OTEL_BSP_SCHEDULE_DELAY=300 \
    start "$name" java -Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -javaagent:"$(workload_home)/opentelemetry-javaagent.jar" -jar "$(workload_home)/workload.jar" \
    --spring.profiles.active="$name" --server.port="$port" --spring.kafka.bootstrap-servers="$KAFKA" \
    --workload.truth="$truth" --workload.loki="$LOKI" --workload.suffix="$suffix" "$@"
}

# send PATH ORDER_ID ACCOUNT REFUSALS POISONED [FAULT]: an order to the order service.
send() {
  local answer fault=null
  [ -z "${6:-}" ] || fault="\"$6\""
  answer=$(curl -sS -m 60 -o /dev/null -w '%{http_code}' -H 'content-type: application/json' \
    -d "{\"orderId\":\"$2\",\"account\":\"$3\",\"amountCents\":1250,\"refusals\":$4,\"poisoned\":$5,\"fault\":$fault}" "http://127.0.0.1:$ORDER_PORT/$1")
  [ "$answer" = 202 ] || die "order $2 was answered $answer; see $state/order-service.log"
}

# arrived ID: whether Loki holds at least as many lines with it as stand in the logs.
arrived() {
  local want got body
  want=$(cat "${logs[@]}" | grep -cF -- "$1")
  body=$(curl -sS -f -m 10 -G "$LOKI/loki/api/v1/query_range" --data-urlencode "query={app=~\".+-service\"} |= \"$1\"" \
    --data-urlencode limit=1000 --data-urlencode "start=$(($(date +%s) - 3600))000000000") || return 1
  # One array of two strings per line; the second one is JSON text, so quotes inside it are escaped.
  got=$(grep -oE '\["[0-9]{19}","' <<<"$body" | wc -l)
  [ "$got" -ge "$want" ]
}

# within COMPLAINT COMMAND...: until COMMAND succeeds.
within() {
  local end=$((SECONDS + 20)) complaint=$1
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || die "$complaint"
    sleep 0.2
  done
}
