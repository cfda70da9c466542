// Command shipping is the Go service of the polyglot workload: franz-go with kotel, otelhttp on both sides of HTTP, and
// log lines in logfmt. It prices orders for others (/quote), and ships each order that it takes from its topic: it charges
// postage over HTTP, again when it is refused, and passes the order on. Spans and headers are the public
// instrumentations' own; the ground truth is written by the code that does the thing.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kotel"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var (
	truthFile = flag.String("truth", "", "file of the ground truth")
	loki      = flag.String("loki", "", "address of Loki")
	kafka     = flag.String("kafka", "", "address of a broker")
	suffix    = flag.String("suffix", "", "end of the names of this run's topics and groups")
	orders    = flag.String("orders", "", "address of the order service")
	port      = flag.String("port", "", "port on loopback")
)

type order struct {
	OrderID  string `json:"orderId"`
	Refusals int    `json:"refusals"`
	Fault    string `json:"fault"`
}

type fields map[string]any

var (
	truthLock sync.Mutex
	truthOut  *os.File
)

// tell appends one line to the ground truth. A line is one write, so lines of several services do not mix.
func tell(kind string, more fields) {
	more["kind"], more["service"] = kind, "shipping-service"
	line, err := json.Marshal(more)
	check(err)
	truthLock.Lock()
	defer truthLock.Unlock()
	_, err = truthOut.Write(append(line, '\n'))
	check(err)
}

func now() int64 { return time.Now().UnixNano() }

var logLock sync.Mutex

// say logs one line about an order, on standard output and to Loki, before it returns: a process that is killed has lost
// none. Under the lock a stream's lines are in order, which old Lokis ask for.
func say(ctx context.Context, level slog.Level, id, text string, more ...any) {
	logLock.Lock()
	defer logLock.Unlock()
	var line bytes.Buffer
	at := trace.SpanContextFromContext(ctx)
	args := append([]any{"order_id", id, "trace_id", at.TraceID().String(), "span_id", at.SpanID().String()}, more...)
	slog.New(slog.NewTextHandler(&line, nil)).Log(ctx, level, text, args...)
	os.Stdout.Write(line.Bytes())
	entry := []string{strconv.FormatInt(now(), 10), string(bytes.TrimSpace(line.Bytes()))}
	stream := fields{"stream": fields{"app": "shipping-service", "level": level.String()}, "values": [][]string{entry}}
	body, _ := json.Marshal(fields{"streams": []fields{stream}})
	answer, err := http.Post(*loki+"/loki/api/v1/push", "application/json", bytes.NewReader(body))
	check(err)
	answer.Body.Close()
}

// first says whether this fault of this order happens for the first time, also over a restart of the process.
func first(o order) bool {
	mark, err := os.OpenFile(*truthFile+".did-"+o.OrderID, os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		mark.Close()
	}
	return err == nil
}

// quote answers what a shipment costs, after as many refusals as the order asks for.
func quote() http.Handler {
	var lock sync.Mutex
	calls := map[string]int{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := now()
		var o order
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		lock.Lock()
		calls[o.OrderID]++
		call := calls[o.OrderID]
		lock.Unlock()
		status := http.StatusOK
		if call <= o.Refusals {
			status = http.StatusServiceUnavailable
			say(r.Context(), slog.LevelError, o.OrderID, "no quote: tariffs are being loaded")
		} else {
			say(r.Context(), slog.LevelInfo, o.OrderID, "quoted")
		}
		tell("http_served", fields{"order_id": o.OrderID, "path": "/quote", "ordinal": call, "status": status, "start_ns": start, "end_ns": now()})
		w.WriteHeader(status)
	})
}

// charge has the postage charged, and tries again when it is refused.
func charge(ctx context.Context, client *http.Client, o order, body []byte) error {
	url := *orders + "/charge"
	for ordinal := 1; ordinal <= 4; ordinal++ {
		if ordinal > 1 {
			time.Sleep(150 * time.Millisecond)
		}
		start := now()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("content-type", "application/json")
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		answer.Body.Close()
		tell("http_attempt", fields{"order_id": o.OrderID, "ordinal": ordinal, "method": "POST", "url": url, "status": answer.StatusCode, "start_ns": start, "end_ns": now()})
		if answer.StatusCode < 400 {
			return nil
		}
		say(ctx, slog.LevelWarn, o.OrderID, "postage refused", "status", answer.StatusCode, "attempt", ordinal)
	}
	return errors.New("postage was not paid")
}

// publish writes the order to a topic, for whoever is next.
func publish(ctx context.Context, client *kgo.Client, topic string, o order, value []byte, headers ...kgo.RecordHeader) error {
	headers = append(headers, kgo.RecordHeader{Key: "order_id", Value: []byte(o.OrderID)})
	record := &kgo.Record{Topic: topic, Key: []byte(o.OrderID), Value: value, Headers: headers}
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return err
	}
	tell("publish", fields{"order_id": o.OrderID, "outcome": "written", "topic": topic, "partition": record.Partition, "offset": record.Offset, "key": o.OrderID, "at_ns": now()})
	return nil
}

// ship does what is done with an order that was delivered.
func ship(ctx context.Context, kafka *kgo.Client, web *http.Client, o order, value []byte) error {
	say(ctx, slog.LevelInfo, o.OrderID, "shipping")
	if err := charge(ctx, web, o, value); err != nil {
		return err
	}
	if o.Fault == "go:exception" {
		return errors.New("no carrier for this address")
	}
	if err := publish(ctx, kafka, "shipped-"+*suffix, o, value); err != nil {
		return err
	}
	say(ctx, slog.LevelInfo, o.OrderID, "shipped")
	return nil
}

const tries = 3

// deliver hands one record to the handler until it succeeds or has failed often enough; then the record is set aside.
func deliver(kafka *kgo.Client, tracer *kotel.Tracer, web *http.Client, group string, record *kgo.Record) {
	var o order
	check(json.Unmarshal(record.Value, &o))
	for attempt := 1; attempt <= tries; attempt++ {
		start := now()
		ctx, span := tracer.WithProcessSpan(record)
		outcome, why := "ok", ""
		if err := ship(ctx, kafka, web, o, record.Value); err != nil {
			outcome, why = "failed", err.Error()
			span.RecordError(err)
			say(ctx, slog.LevelError, o.OrderID, "shipping failed", "error", why, "attempt", attempt)
		}
		tell("handled", fields{"order_id": o.OrderID, "handler": "ship", "topic": record.Topic, "partition": record.Partition, "offset": record.Offset, "group": group, "outcome": outcome, "error": why, "start_ns": start, "end_ns": now()})
		if outcome == "ok" {
			if o.Fault == "go:killed" && first(o) {
				time.Sleep(time.Second) // all spans that have ended leave the process
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			span.End()
			break
		}
		if attempt == tries {
			check(publish(ctx, kafka, record.Topic+"-dlq", o, record.Value, kgo.RecordHeader{Key: "error", Value: []byte(why)}))
			tell("end", fields{"order_id": o.OrderID, "state": "dead-lettered", "at_ns": now()})
		}
		span.End()
	}
	err := kafka.CommitRecords(context.Background(), record)
	tell("committed", fields{"order_id": o.OrderID, "topic": record.Topic, "partition": record.Partition, "offset": record.Offset, "group": group, "refused": err != nil, "at_ns": now()})
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	flag.Parse()
	var err error
	truthOut, err = os.OpenFile(*truthFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	check(err)
	exporter, err := otlptracehttp.New(context.Background())
	check(err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(300*time.Millisecond)))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})

	group := "shipping-" + *suffix
	tracer := kotel.NewTracer(kotel.ConsumerGroup(group), kotel.ClientID("shipping"))
	client, err := kgo.NewClient(kgo.SeedBrokers(*kafka), kgo.ConsumerGroup(group), kgo.ConsumeTopics("shipments-"+*suffix),
		kgo.ClientID("shipping"), kgo.DisableAutoCommit(), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(time.Second),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(250*time.Millisecond), kgo.MetadataMaxAge(2*time.Second),
		kgo.WithHooks(kotel.NewKotel(kotel.WithTracer(tracer)).Hooks()...))
	check(err)
	web := &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)}

	routes := http.NewServeMux()
	routes.Handle("POST /quote", quote())
	server := &http.Server{Addr: "127.0.0.1:" + *port, Handler: otelhttp.NewHandler(routes, "quote")}
	go server.ListenAndServe()

	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	tell("started", fields{"at_ns": now()})
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(record *kgo.Record) { deliver(client, tracer, web, group, record) })
	}
	server.Shutdown(context.Background())
	client.Close()
	check(provider.Shutdown(context.Background()))
}
