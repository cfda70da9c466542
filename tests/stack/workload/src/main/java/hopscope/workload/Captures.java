package hopscope.workload;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.annotation.BackOff;
import org.springframework.kafka.annotation.DltHandler;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.annotation.RetryableTopic;
import org.springframework.kafka.retrytopic.SameIntervalTopicReuseStrategy;
import org.springframework.kafka.retrytopic.TopicSuffixingStrategy;
import org.springframework.stereotype.Component;

/** Captures the money of published orders. What fails goes over two retry topics to the dead-letter topic. */
@Component
@Profile("payment-service")
public class Captures {
    private static final Logger log = LoggerFactory.getLogger(Captures.class);

    private final Deliveries deliveries;
    private final Truth truth;
    private final Faults faults;

    public Captures(Deliveries deliveries, Truth truth, Faults faults) {
        this.deliveries = deliveries;
        this.truth = truth;
        this.faults = faults;
    }

    @RetryableTopic(
            attempts = "3",
            backOff = @BackOff(delay = 2000),
            numPartitions = "3",
            replicationFactor = "1",
            sameIntervalTopicReuseStrategy = SameIntervalTopicReuseStrategy.MULTIPLE_TOPICS,
            topicSuffixingStrategy = TopicSuffixingStrategy.SUFFIX_WITH_INDEX_VALUE)
    @KafkaListener(id = "capture", topics = "${workload.orders-topic}", groupId = "${workload.capture-group}")
    public void capture(ConsumerRecord<String, String> record) {
        Order done = deliveries.run("capture", record, order -> {
            log.info("capturing order {}", order.orderId());
            faults.beforeTheEffect(order);
            if (order.poisoned()) {
                log.error("capture of order {} failed: account {} is closed", order.orderId(), order.account());
                throw new IllegalStateException("account " + order.account() + " is closed");
            }
        });
        log.info("order {} captured", done.orderId());
        truth.tell("end", "order_id", done.orderId(), "state", "captured", "at_ns", Truth.now());
    }

    @DltHandler
    public void giveUp(ConsumerRecord<String, String> record) {
        Order dead = deliveries.run("dead-letter", record, order ->
                log.error("order {} is in the dead-letter topic", order.orderId()));
        truth.tell("end", "order_id", dead.orderId(), "state", "dead-lettered", "at_ns", Truth.now());
    }
}
