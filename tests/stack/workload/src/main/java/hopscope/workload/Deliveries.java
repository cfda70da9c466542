package hopscope.workload;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.MDC;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.support.KafkaUtils;
import org.springframework.stereotype.Component;
import tools.jackson.databind.json.JsonMapper;

/** Runs a handler over one delivered record and tells the truth about the invocation, however it went. */
@Component
@Profile("payment-service")
public class Deliveries {
    /** What a handler does with an order; throws when it fails. */
    public interface Work {
        void on(Order order);
    }

    private final Map<String, Integer> byOrder = new ConcurrentHashMap<>();
    private final Map<String, Integer> byCoordinate = new ConcurrentHashMap<>();
    private final JsonMapper json;
    private final Truth truth;
    private final Faults faults;

    public Deliveries(JsonMapper json, Truth truth, Faults faults) {
        this.json = json;
        this.truth = truth;
        this.faults = faults;
    }

    /** Returns the order when the work succeeded; passes on what the work threw. */
    public Order run(String handler, ConsumerRecord<String, String> record, Work work) {
        long start = Truth.now();
        Order order = json.readValue(record.value(), Order.class);
        String group = KafkaUtils.getConsumerGroupId();
        String coordinate = record.topic() + "-" + record.partition() + "@" + record.offset() + " " + group;
        int attempt = byOrder.merge(handler + " " + order.orderId(), 1, Integer::sum);
        int delivery = byCoordinate.merge(coordinate, 1, Integer::sum);
        RuntimeException thrown = null;
        try (var ignored = MDC.putCloseable("order_id", order.orderId())) {
            work.on(order);
        } catch (RuntimeException e) {
            thrown = e;
        }
        truth.tell(
                "handled",
                "order_id", order.orderId(),
                "handler", handler,
                "topic", record.topic(),
                "partition", record.partition(),
                "offset", record.offset(),
                "group", group,
                "attempt", attempt,
                "delivery", delivery,
                "outcome", thrown == null ? "ok" : "failed",
                "error", thrown == null ? null : thrown.toString(),
                "start_ns", start,
                "end_ns", Truth.now());
        if (thrown != null) {
            throw thrown;
        }
        faults.afterTheEffect(order);
        return order;
    }
}
