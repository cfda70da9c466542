"""The Python service of the polyglot workload: confluent-kafka, flask and requests under OpenTelemetry's public
instrumentations, and log lines as JSON.

It answers /charge, refusing as often as an order asks for. It takes orders one by one from its topic, asks the shipping
service for a quote (urllib3 repeats what is refused, below requests and so below its instrumentation), writes the invoice
and passes the order on. A second group reads the refunds in batches. The ground truth is written by the code that does
the thing.
"""

import argparse
import collections
import json
import logging
import os
import signal
import sys
import threading
import time
import urllib.request

import confluent_kafka
import flask
import requests
from confluent_kafka import KafkaException, TopicPartition
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from requests.adapters import HTTPAdapter
from urllib3.util import Retry
from werkzeug.serving import make_server

parser = argparse.ArgumentParser()
for name in ("truth", "loki", "kafka", "suffix", "shipping", "port"):
    parser.add_argument("--" + name, required=True)
args = parser.parse_args()
SERVICE = "billing-service"
TRIES = 3
truth_lock = threading.Lock()
truth_file = open(args.truth, "ab", buffering=0)
stopping = threading.Event()


def tell(kind, **fields):
    """One line of the ground truth. A line is one write, so lines of several services do not mix."""
    line = json.dumps({"kind": kind, "service": SERVICE, **fields}, separators=(",", ":"))
    with truth_lock:
        truth_file.write(line.encode() + b"\n")


def first(order):
    """Whether the fault of this order happens for the first time, also over a restart of the process."""
    try:
        os.close(os.open(f"{args.truth}.did-{order['orderId']}", os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


class ToLoki(logging.Handler):
    """Pushes each line before the caller goes on, so that a process that is killed has lost none. A handler's lock keeps
    a stream's lines in order, which old Lokis ask for."""

    def emit(self, record):
        line = {"level": record.levelname, "logger": record.name, "message": record.getMessage()}
        line.update({key: value for key, value in vars(record).items() if key.startswith("otel") or key == "order_id"})
        if record.exc_info:
            line["exc_info"] = logging.Formatter().formatException(record.exc_info)
        text = json.dumps(line)
        print(text, flush=True)
        stream = {"stream": {"app": SERVICE, "level": record.levelname}, "values": [[str(time.time_ns()), text]]}
        body = json.dumps({"streams": [stream]}).encode()
        request = urllib.request.Request(args.loki + "/loki/api/v1/push", body, {"content-type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()


provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=300))
trace.set_tracer_provider(provider)
ConfluentKafkaInstrumentor().instrument()
RequestsInstrumentor().instrument()
LoggingInstrumentor().instrument(inject_trace_context=True)
logging.getLogger("werkzeug").setLevel(logging.WARNING)
log = logging.getLogger("billing")
log.setLevel(logging.INFO)
log.addHandler(ToLoki())
log.propagate = False

app = flask.Flask("billing")
FlaskInstrumentor().instrument_app(app)
calls = collections.Counter()


@app.post("/charge")
def charge():
    start, order = time.time_ns(), flask.request.get_json()
    name = order["orderId"]
    with truth_lock:
        calls[name] += 1
        call = calls[name]
    status = 503 if call <= order["refusals"] else 200
    if status == 503:
        log.error("cannot charge order %s: card network unavailable", name, extra={"order_id": name})
    else:
        log.info("order %s charged", name, extra={"order_id": name})
    tell("http_served", order_id=name, path="/charge", ordinal=call, status=status, start_ns=start, end_ns=time.time_ns())
    return {"orderId": name}, status


web = requests.Session()
web.mount("http://", HTTPAdapter(max_retries=Retry(total=3, status_forcelist=[503], allowed_methods=None, backoff_factor=0.1)))


def quote(order):
    """Asks for the price of the shipment. What urllib3 tried in between is known to urllib3 alone."""
    url = args.shipping + "/quote"
    answer = web.post(url, json=order, timeout=10)
    statuses = [tried.status for tried in answer.raw.retries.history] + [answer.status_code]
    for ordinal, status in enumerate(statuses, 1):
        tell("http_attempt", order_id=order["orderId"], ordinal=ordinal, method="POST", url=url, status=status)
    answer.raise_for_status()


def publish(order, topic, headers):
    """Writes the order to a topic, and waits until the broker has it."""

    def written(error, message):
        tell("publish", order_id=order["orderId"], outcome="failed" if error else "written", topic=topic,
             partition=message.partition(), offset=message.offset(), key=order["orderId"], at_ns=time.time_ns())

    producer.produce(topic, key=order["orderId"], value=json.dumps(order), headers=headers, on_delivery=written)
    producer.flush(20)


def invoice(order, attempt):
    name = order["orderId"]
    log.info("invoicing order %s", name, extra={"order_id": name})
    quote(order)
    if order.get("fault") == "python:exception":
        raise ValueError("no tax rate for this country")
    if order.get("fault") == "python:overrun" and attempt == 1:
        time.sleep(9)
    publish(order, f"shipments-{args.suffix}", [("order_id", name.encode())])
    log.info("order %s invoiced", name, extra={"order_id": name})


def consumer_of(group, topic):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": args.kafka, "group.id": group, "client.id": "billing", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "session.timeout.ms": 6000, "max.poll.interval.ms": 6000,
        "heartbeat.interval.ms": 1000, "topic.metadata.refresh.interval.ms": 2000, "fetch.wait.max.ms": 100})
    consumer.subscribe([topic])
    return consumer


def done(group, handler, message, order, start, error=None):
    tell("handled", order_id=order["orderId"], handler=handler, topic=message.topic(), partition=message.partition(),
         offset=message.offset(), group=group, outcome="failed" if error else "ok", error=error, start_ns=start,
         end_ns=time.time_ns())


def commit(consumer, group, message, order):
    refused = None
    try:
        consumer.commit(message=message, asynchronous=False)
    except KafkaException as why:
        refused = why.args[0].name()
        log.warning("commit was refused: %s", refused)
    tell("committed", order_id=order["orderId"], topic=message.topic(), partition=message.partition(),
         offset=message.offset(), group=group, refused=refused is not None, at_ns=time.time_ns())


def one_by_one():
    group = f"billing-invoice-{args.suffix}"
    consumer, tries = consumer_of(group, f"orders-{args.suffix}"), collections.Counter()
    while not stopping.is_set():
        message = consumer.poll(0.3)
        if message is None or message.error():
            continue
        start, order, at = time.time_ns(), json.loads(message.value()), (message.partition(), message.offset())
        tries[at] += 1
        try:
            invoice(order, tries[at])
        except Exception as why:
            log.exception("invoice of order %s failed", order["orderId"], extra={"order_id": order["orderId"]})
            done(group, "invoice", message, order, start, repr(why))
            if tries[at] < TRIES:
                consumer.seek(TopicPartition(message.topic(), *at))
                continue
            publish(order, message.topic() + "-dlq", [("order_id", order["orderId"].encode()), ("error", str(why).encode())])
            tell("end", order_id=order["orderId"], state="dead-lettered", at_ns=time.time_ns())
        else:
            done(group, "invoice", message, order, start)
            if order.get("fault") == "python:killed" and first(order):
                os.kill(os.getpid(), signal.SIGKILL)
        commit(consumer, group, message, order)
    consumer.close()


def in_batches():
    group = f"billing-digest-{args.suffix}"
    consumer = consumer_of(group, f"refunds-{args.suffix}")
    while not stopping.is_set():
        messages = [message for message in consumer.consume(num_messages=3, timeout=2) if not message.error()]
        for message in messages:
            start, order = time.time_ns(), json.loads(message.value())
            log.info("refund %s digested", order["orderId"], extra={"order_id": order["orderId"]})
            done(group, "digest", message, order, start)
        for message in messages:
            commit(consumer, group, message, json.loads(message.value()))
    consumer.close()


producer = confluent_kafka.Producer({"bootstrap.servers": args.kafka, "client.id": "billing", "linger.ms": 0})
server = make_server("127.0.0.1", int(args.port), app, threaded=True)
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
workers = [threading.Thread(target=work, daemon=True) for work in (one_by_one, in_batches)]
for worker in [*workers, threading.Thread(target=server.serve_forever, daemon=True)]:
    worker.start()
tell("started", at_ns=time.time_ns())
while not stopping.wait(1):
    if not all(worker.is_alive() for worker in workers):
        sys.exit("a consumer has ended")
for worker in workers:
    worker.join(10)
server.shutdown()
provider.shutdown()
