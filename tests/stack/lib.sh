# shellcheck shell=bash
# What the scripts of this directory share: versions, the cache, processes, ports. Sourced, never run.
# The sourcing script has set `here` to this directory, and `state` to the state directory where processes are concerned.
# shellcheck disable=SC2154

# Every version of the stack is named here, in workload/pom.xml, and in polyglot's requirements.txt and go.mod, nowhere else.
KAFKA_VERSION=4.3.1
newest_kafka=$KAFKA_VERSION # an env file may say that its broker is an older one
KAFKA_39_VERSION=3.9.2  # KRaft
KAFKA_28_VERSION=2.8.2  # with ZooKeeper
JAEGER_VERSION=2.13.0   # the Go module counts on as v1.76.0; from 2.14 on there is no module version
JAEGER_1_VERSION=1.76.0 # the same module's all-in-one, the last of v1
LOKI_VERSION=2.2.1      # the last release under Apache-2.0; later ones are AGPL and are not built here

# The servers that `up` starts, and those that `up --with` starts beside them.
usual=(kafka jaeger loki)
extras=(kafka-3.9 kafka-2.8 kafka-field kafka-cluster jaeger-1 loki-strict)
# The brokers of kafka-cluster beside its first one, which has its name.
other_brokers=(kafka-cluster-2 kafka-cluster-3)

cache=${HOPSCOPE_STACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hopscope-stack}

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# --- tools -------------------------------------------------------------------------------------------------------

# can_apt: whether missing tools may be installed with apt-get by this user.
can_apt() { have apt-get && [ "$(id -u)" = 0 ]; }

# apt_install PACKAGE...
apt_install() {
  say "stack: installing $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >&2 && return
  DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >&2
}

# need TOOL DEBIAN_PACKAGE REASON: the tool is there afterwards, or the script has ended and said what to do.
need() {
  have "$1" && return
  if [ "${may_install:-no}" = yes ] && can_apt; then
    apt_install "$2" || die "$1 is missing ($3) and apt-get could not install $2"
    have "$1" && return
  fi
  die "$1 is missing ($3). On Debian or Ubuntu: apt-get install $2"
}

need_java() {
  need java openjdk-17-jdk-headless "runs Kafka and the workload"
  local major
  major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
  [ "${major:-0}" -ge 17 ] || die "Kafka $KAFKA_VERSION needs Java 17 or later; java -version says ${major:-nothing}. On Debian or Ubuntu: apt-get install openjdk-17-jdk-headless"
}

need_maven() {
  need mvn maven "fetches Kafka and builds the workload"
  # A runtime alone has no compiler.
  need javac openjdk-17-jdk-headless "compiles the workload"
}

# Jaeger's module asks for Go 1.25. A Go from 1.21 on can fetch that toolchain by itself, if it is let.
need_go() {
  need go golang-go "builds Jaeger and Loki"
  local version minor
  version=$(GOTOOLCHAIN=local go env GOVERSION) # such as go1.26.8
  minor=$(printf '%s' "$version" | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  [ "${minor:-0}" -ge 25 ] && return
  [ "${minor:-0}" -ge 21 ] || die "Jaeger needs Go 1.25 or later; found ${version:-none}, which is too old to fetch a newer toolchain. Install Go 1.25 from https://go.dev/dl and put it first in PATH"
  say "stack: $version is older than Go 1.25; asking it to fetch the newer toolchain (GOTOOLCHAIN=auto)"
  export GOTOOLCHAIN=auto
}

need_python() {
  need python3 python3 "runs the Python service"
  python3 -c 'import ensurepip, venv' 2>/dev/null && return
  # Debian keeps what makes an environment in a package of its own.
  if [ "${may_install:-no}" = yes ] && can_apt; then apt_install python3-venv || die "apt-get could not install python3-venv"; fi
  python3 -c 'import ensurepip, venv' 2>/dev/null || die "python3 has no venv module. On Debian or Ubuntu: apt-get install python3-venv"
}

# --- cache -------------------------------------------------------------------------------------------------------

# is_extra NAME: whether there is such a server.
is_extra() { case " ${extras[*]} " in *" $1 "*) ;; *) return 1 ;; esac; }

# env_name SERVER: under which name an extra server's address stands in the env file, such as KAFKA_39.
env_name() {
  local name=${1//./}
  name=${name//-/_}
  printf '%s' "${name^^}"
}

# cluster_id: a new one, as Kafka's storage wants it, without the dash that would make it an option where it comes first.
cluster_id() { head -c 16 /dev/urandom | base64 | tr '+/' '__' | tr -d '='; }

# sum FILE...: a short name for the contents (and names) of these files.
sum() { sha256sum "$@" | sha256sum | cut -c 1-12; }

kafka_home() { printf '%s/kafka-%s-%s' "$cache" "$KAFKA_VERSION" "$(cd "$here/kafka" && sum pom.xml)"; }
jaeger_home() { printf '%s/jaeger-%s-%s' "$cache" "$JAEGER_VERSION" "$(cd "$here/jaeger" && sum go.mod go.sum)"; }
jaeger_1_home() { printf '%s/jaeger-%s-%s' "$cache" "$JAEGER_1_VERSION" "$(cd "$here/jaeger" && sum go.mod go.sum)"; }
loki_home() { printf '%s/loki-%s-%s' "$cache" "$LOKI_VERSION" "$(cd "$here/loki" && sum go.mod go.sum)"; }
workload_home() {
  printf '%s/workload-%s' "$cache" "$(cd "$here/workload" && find pom.xml src -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-12)"
}

polyglot_home() {
  printf '%s/polyglot-%s' "$cache" "$(cd "$here/polyglot" && sum billing/billing.py billing/requirements.txt shipping/main.go shipping/go.mod shipping/go.sum)"
}

# cached HOME BUILDER: runs BUILDER with an empty directory and renames that to HOME when all went well. So HOME exists
# whole or not at all, also after a killed download; two builders at once wait for each other.
cached() {
  local home=$1 builder=$2 began part
  [ -d "$home" ] && return
  mkdir -p "$cache"
  (
    flock 9
    [ -d "$home" ] && exit 0
    began=$SECONDS
    part=$home.partial
    if ! rm -rf "$part" || ! mkdir "$part"; then exit 1; fi
    # `set -e` is off left of the `||` below, so each step says what its failure means.
    "$builder" "$part" >&2 9>&- || exit 1
    mv -T "$part" "$home" || exit 1
    say "stack: $(basename "$home") ready after $((SECONDS - began)) s"
  ) 9>"$home.lock" || die "could not build $(basename "$home"); what went wrong stands above"
}

build_kafka() {
  local bridge=runtime
  # Older ones bring a binding of their own, and two of them quarrel.
  case $KAFKA_VERSION in 2.* | 3.*) bridge=test ;; esac
  say "stack: fetching Kafka $KAFKA_VERSION"
  mvn -q -B -f "$here/kafka/pom.xml" -Dkafka.version="$KAFKA_VERSION" -Dbridge.scope="$bridge" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$1"
}

# go_install SOURCE_DIR TARGET_DIR PACKAGE: each server is a module of its own, since their pins contradict each other.
go_install() {
  cp "$1/go.mod" "$1/go.sum" "$2/" &&
    (cd "$2" && GOFLAGS='' GOWORK=off nice -n 10 go build -mod=readonly -trimpath -buildvcs=false -ldflags='-s -w' -o "$2/" "$3")
}

build_jaeger() {
  say "stack: building Jaeger $JAEGER_VERSION (some minutes, once)"
  go_install "$here/jaeger" "$1" github.com/jaegertracing/jaeger/cmd/jaeger
}

build_jaeger_1() {
  say "stack: building Jaeger $JAEGER_1_VERSION (shares most of its packages with $JAEGER_VERSION)"
  go_install "$here/jaeger" "$1" github.com/jaegertracing/jaeger/cmd/all-in-one
}

build_loki() {
  say "stack: building Loki $LOKI_VERSION (a minute or two, once)"
  go_install "$here/loki" "$1" github.com/grafana/loki/cmd/loki
}

build_workload() {
  say "stack: building the workload"
  cp -r "$here/workload/pom.xml" "$here/workload/src" "$1/" &&
    mvn -q -B -f "$1/pom.xml" package &&
    mv "$1/target/workload.jar" "$1/target/opentelemetry-javaagent.jar" "$1/" &&
    rm -rf "$1/target" "$1/src"
}

# Python's environment moves with its folder as long as only its python is called.
build_polyglot() {
  say "stack: building the Python and the Go service"
  python3 -m venv "$1/venv" &&
    "$1/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps -r "$here/polyglot/billing/requirements.txt" &&
    cp "$here/polyglot/billing/billing.py" "$1/" &&
    (cd "$here/polyglot/shipping" && GOFLAGS='' GOWORK=off nice -n 10 go build -mod=readonly -trimpath -buildvcs=false -ldflags='-s -w' -o "$1/shipping" .)
}

get_kafka() {
  [ -d "$(kafka_home)" ] && return
  need_java
  need_maven
  cached "$(kafka_home)" build_kafka
}

get_jaeger() {
  [ -d "$(jaeger_home)" ] && return
  need_go
  cached "$(jaeger_home)" build_jaeger
}

get_jaeger-1() {
  [ -d "$(jaeger_1_home)" ] && return
  need_go
  cached "$(jaeger_1_home)" build_jaeger_1
}

get_loki() {
  [ -d "$(loki_home)" ] && return
  need_go
  cached "$(loki_home)" build_loki
}

get_loki-strict() { get_loki; }

get_workload() {
  [ -d "$(workload_home)" ] && return
  need_java
  need_maven
  cached "$(workload_home)" build_workload
}

get_polyglot() {
  [ -d "$(polyglot_home)" ] && return
  need_python
  need_go
  cached "$(polyglot_home)" build_polyglot
}

get_kafka-3.9() { (KAFKA_VERSION=$KAFKA_39_VERSION && get_kafka); }
get_kafka-field() { get_kafka; }
get_kafka-cluster() { get_kafka; }
get_kafka-2.8() { (KAFKA_VERSION=$KAFKA_28_VERSION && get_kafka); }

# kafka_java OPTION... CLASS ARGUMENT...: Java with the jars of $KAFKA_VERSION, and the options of ours that suit them.
kafka_java() { java -XX:+UseSerialGC -cp "$(kafka_home)/*" "$@"; }

# kafka_tool CLASS ARGUMENT...: one of Kafka's own command line tools, of $KAFKA_VERSION.
kafka_tool() {
  kafka_java -Xmx256m -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$here/kafka/tools-log4j2.xml" \
    -Dlog4j.configuration="file:$here/kafka/tools-log4j.properties" "$@"
}

# consumer_groups ARGUMENT...: the tool moved from Kafka's core to a module of its own after 2.8.
consumer_groups() {
  case $KAFKA_VERSION in
    2.*) kafka_tool kafka.admin.ConsumerGroupCommand "$@" ;;
    *) kafka_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@" ;;
  esac
}
# get_offsets BROKER: always by the newest tool, since that of 2.8 knows no "all topics".
get_offsets() { (KAFKA_VERSION=$newest_kafka && kafka_tool org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$1"); }

# certificates FOLDER: an authority, a broker's certificate for loopback, and a client's, all in PEM and for a day.
certificates() {
  need openssl openssl "makes the certificates of the secured listeners"
  local name
  mkdir -p "$1"
  (
    umask 077
    cd "$1"
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=stack-authority -keyout ca.key -out ca.pem
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n' >san
    for name in broker client; do
      openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr
      openssl x509 -req -days 1 -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -out $name.crt
    done
    cat broker.key broker.crt ca.pem >broker.pem
  ) >"$state/certificates.log" 2>&1 || die "no certificates: $(tail -n 3 "$state/certificates.log")"
}

# --- processes ---------------------------------------------------------------------------------------------------

# Every process we start names a file of its state directory on its command line: that tells it from a stranger who got
# the same number later. A zombie has no command line and so counts as gone, which it is.
# alive NAME: whether what `start NAME` began in this state directory still runs.
alive() {
  local pid
  [ -r "$state/$1.pid" ] || return 1
  read -r pid <"$state/$1.pid" || return 1
  if [ -d /proc/self ]; then
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$state/"
  else
    ps -p "$pid" -o command= 2>/dev/null | grep -qF -- "$state/"
  fi
}

# all_alive NAME...: whether each of them runs.
all_alive() {
  local name
  for name in "$@"; do alive "$name" || return 1; done
}

# broker_name NODE: what a node of kafka-cluster is called here.
broker_name() { if [ "$1" = 1 ]; then printf kafka-cluster; else printf 'kafka-cluster-%s' "$1"; fi; }

# start NAME COMMAND...: in a session of its own, so that Ctrl-C reaches only the script, which then stops it in order.
start() {
  local name=$1
  shift
  setsid "$@" >"$state/$name.log" 2>&1 </dev/null 8>&- 9>&- &
  echo $! >"$state/$name.pid"
}

# stop NAME...: asks all at once, waits, kills what stays. No error when nothing runs.
stop() {
  local name pid end=$((SECONDS + 20)) left
  for name in "$@"; do
    if alive "$name"; then kill -TERM "$(cat "$state/$name.pid")" 2>/dev/null || true; fi
  done
  while :; do
    left=()
    for name in "$@"; do alive "$name" && left+=("$name"); done
    if [ ${#left[@]} -eq 0 ] || [ $SECONDS -ge $end ]; then break; fi
    sleep 0.1
  done
  for name in "${left[@]}"; do
    say "stack: $name did not stop within 20 s and is killed"
    pid=$(cat "$state/$name.pid")
    kill -KILL "$pid" 2>/dev/null || true
    while alive "$name"; do sleep 0.05; done
  done
  for name in "$@"; do rm -f "$state/$name.pid"; done
}

# stop_servers: all that `up` may have started in this state directory, and their addresses are forgotten.
stop_servers() {
  local name
  stop "${usual[@]}" "${extras[@]}" "${other_brokers[@]}"
  # After its broker: a broker that has lost it does not come to an end.
  stop zookeeper
  rm -f "$state/env"
  for name in "${extras[@]}"; do rm -f "$state/$name/env"; done
}

# await NAME SECONDS COMMAND...: until COMMAND succeeds. Fails, with the end of the log, when the process ends or time is up.
await() {
  local name=$1 end=$((SECONDS + $2)) limit=$2 why
  shift 2
  until "$@" >/dev/null 2>&1; do
    why=
    alive "$name" || why="ended while it was starting"
    [ $SECONDS -lt $end ] || why="was not ready within $limit s"
    if [ -n "$why" ]; then
      say "error: $name $why; the end of $state/$name.log:"
      tail -n 25 "$state/$name.log" | sed 's/^/  | /' >&2
      return 1
    fi
    sleep 0.1
  done
}

# --- ports and files ---------------------------------------------------------------------------------------------

# listening PORT: whether something on loopback takes connections there.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: a port nobody listens on, below the range from which systems take the ports of outgoing connections.
chosen=' '
free_port() {
  local port
  for _ in {1..200}; do
    port=$((15000 + RANDOM % 17000))
    case $chosen in *" $port "*) continue ;; esac
    listening "$port" && continue
    chosen+="$port "
    picked=$port
    return
  done
  die "found no free port on 127.0.0.1 between 15000 and 32000"
}

# port NAME: keeps the port that the environment gives, after a look whether it is free; else chooses one.
port() {
  local given=${!1:-}
  if [ -z "$given" ]; then
    free_port
    printf -v "$1" '%s' "$picked"
    return
  fi
  if ! [[ $given =~ ^[0-9]{1,5}$ ]] || [ "$given" -lt 1 ] || [ "$given" -gt 65535 ]; then die "$1=$given is no port number"; fi
  ! listening "$given" || die "$1=$given is taken: something on 127.0.0.1 already listens there. Unset $1 to get a free port, or name another"
  chosen+="$given "
}

# fill TEMPLATE TARGET NAME...: copies a file with each @NAME@ replaced by the variable of that name.
fill() {
  local text name template=$1 target=$2
  shift 2
  text=$(cat "$template")
  for name in "$@"; do text=${text//"@$name@"/"${!name}"}; done
  printf '%s\n' "$text" >"$target"
}

# state_dir PATH: makes it and prints its absolute name.
state_dir() {
  mkdir -p "$1"
  local full
  full=$(cd "$1" && pwd -P)
  # These would mean something else in the servers' configuration files.
  case $full in *[\",@\\]* | *$'\n'*) die "the state directory's name may not hold quotes, commas, @ or backslashes: $full" ;; esac
  printf '%s' "$full"
}

# read_env FILE: takes NAME=value lines as shell variables, without running anything that stands in them.
read_env() {
  local name value
  [ -r "$1" ] || die "$1 is missing: start the stack first with tests/stack/up"
  while IFS='=' read -r name value; do
    [[ $name =~ ^[A-Z][A-Z0-9_]*$ ]] && printf -v "$name" '%s' "$value"
  done <"$1"
  return 0
}
