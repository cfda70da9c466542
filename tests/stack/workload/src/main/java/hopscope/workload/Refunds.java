package hopscope.workload;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.stereotype.Component;

/** Pays refunds in order, in place and without an end: one that never succeeds blocks its partition. */
@Component
@Profile("payment-service")
public class Refunds {
    private static final Logger log = LoggerFactory.getLogger(Refunds.class);

    private final Map<String, Boolean> paid = new ConcurrentHashMap<>();
    private final Deliveries deliveries;
    private final Truth truth;

    public Refunds(Deliveries deliveries, Truth truth) {
        this.deliveries = deliveries;
        this.truth = truth;
    }

    @KafkaListener(
            id = "refund",
            topics = "${workload.refunds-topic}",
            groupId = "${workload.refund-group}",
            containerFactory = "inPlaceRetries",
            autoStartup = "${workload.refunds-one-by-one}")
    public void refund(ConsumerRecord<String, String> record) {
        Order done = deliveries.run("refund", record, order -> {
            log.info("refunding order {}", order.orderId());
            if (order.poisoned()) {
                paid.put(order.orderId(), false);
                log.error("refund of order {} failed: account {} is frozen", order.orderId(), order.account());
                throw new IllegalStateException("account " + order.account() + " is frozen");
            }
        });
        paid.put(done.orderId(), true);
        log.info("order {} refunded", done.orderId());
        truth.tell("end", "order_id", done.orderId(), "state", "refunded", "at_ns", Truth.now());
    }

    /** Tells of the refunds that were tried and never paid; called when nothing is delivered any more. */
    public void tellStuck() {
        paid.forEach((order, done) -> {
            if (!done) {
                truth.tell("end", "order_id", order, "state", "stuck", "at_ns", Truth.now());
            }
        });
    }
}
