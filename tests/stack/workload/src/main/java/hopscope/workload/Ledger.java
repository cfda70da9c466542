package hopscope.workload;

import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.listener.BatchListenerFailedException;
import org.springframework.stereotype.Component;

/** Enters refunds into a ledger, several at once: a batch listener that names the record which it could not enter. */
@Component
@Profile("ledger")
public class Ledger {
    private static final Logger log = LoggerFactory.getLogger(Ledger.class);

    private final Deliveries deliveries;
    private final Truth truth;

    public Ledger(Deliveries deliveries, Truth truth) {
        this.deliveries = deliveries;
        this.truth = truth;
    }

    @KafkaListener(
            id = "ledger",
            topics = "${workload.refunds-topic}",
            groupId = "${workload.ledger-group}",
            containerFactory = "batches",
            // Several records come at once if they are written within a second.
            properties = {"fetch.min.bytes=10000", "fetch.max.wait.ms=1000"})
    public void enter(List<ConsumerRecord<String, String>> records) {
        for (ConsumerRecord<String, String> record : records) {
            Order done;
            try {
                done = deliveries.run("ledger", record, order -> {
                    log.info("entering refund {}", order.orderId());
                    if (order.poisoned()) {
                        log.error("refund {} cannot be entered: account {} is closed", order.orderId(), order.account());
                        throw new IllegalStateException("account " + order.account() + " is closed");
                    }
                });
            } catch (IllegalStateException e) {
                throw new BatchListenerFailedException(e.getMessage(), e, record);
            }
            truth.tell("end", "order_id", done.orderId(), "state", "entered", "at_ns", Truth.now());
        }
    }
}
