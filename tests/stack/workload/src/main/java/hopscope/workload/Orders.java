package hopscope.workload;

import io.opentelemetry.api.trace.Span;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Profile;
import org.springframework.http.ResponseEntity;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.json.JsonMapper;

/** The front door of the order service: an order is charged, then published; a refund is published at once. */
@RestController
@Profile("order-service")
public class Orders {
    private static final Logger log = LoggerFactory.getLogger(Orders.class);

    private final Charges charges;
    private final KafkaTemplate<String, String> kafka;
    private final JsonMapper json;
    private final Truth truth;
    private final String ordersTopic;
    private final String refundsTopic;

    public Orders(
            Charges charges,
            KafkaTemplate<String, String> kafka,
            JsonMapper json,
            Truth truth,
            @Value("${workload.orders-topic}") String ordersTopic,
            @Value("${workload.refunds-topic}") String refundsTopic) {
        this.charges = charges;
        this.kafka = kafka;
        this.json = json;
        this.truth = truth;
        this.ordersTopic = ordersTopic;
        this.refundsTopic = refundsTopic;
    }

    @PostMapping("/orders")
    public ResponseEntity<Map<String, String>> place(@RequestBody Order order) throws Exception {
        try (var ignored = MDC.putCloseable("order_id", order.orderId())) {
            received("/orders", order);
            if (!charges.charge(order)) {
                log.error("order {} was not charged", order.orderId());
                return answer(order, 502, "not charged");
            }
            publish(ordersTopic, order.orderId(), order);
            return answer(order, 202, "accepted");
        }
    }

    @PostMapping("/refunds")
    public ResponseEntity<Map<String, String>> refund(@RequestBody Order order) throws Exception {
        try (var ignored = MDC.putCloseable("order_id", order.orderId())) {
            received("/refunds", order);
            // Keyed by account: refunds of one account keep their order, and wait for each other.
            publish(refundsTopic, order.account(), order);
            return answer(order, 202, "accepted");
        }
    }

    private void received(String path, Order order) {
        log.info("order {} received, {} cents of account {}", order.orderId(), order.amountCents(), order.account());
        truth.tell(
                "received",
                "order_id", order.orderId(),
                "path", path,
                "trace_id", Span.current().getSpanContext().getTraceId(),
                "at_ns", Truth.now());
    }

    private ResponseEntity<Map<String, String>> answer(Order order, int status, String outcome) {
        truth.tell("answered", "order_id", order.orderId(), "status", status, "at_ns", Truth.now());
        return ResponseEntity.status(status).body(Map.of("orderId", order.orderId(), "outcome", outcome));
    }

    private void publish(String topic, String key, Order order) throws Exception {
        var record = new ProducerRecord<>(topic, key, json.writeValueAsString(order));
        record.headers().add("order_id", order.orderId().getBytes(StandardCharsets.UTF_8));
        RecordMetadata at = kafka.send(record).get(20, TimeUnit.SECONDS).getRecordMetadata();
        log.info("order {} published as {}-{}@{}", order.orderId(), at.topic(), at.partition(), at.offset());
    }
}
