package hopscope.workload;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.springframework.kafka.support.ProducerListener;
import org.springframework.stereotype.Component;

/**
 * Tells the truth about every record that a broker acknowledged: the services' own, and the copies that the framework
 * writes to retry and dead-letter topics, since both go through the same template.
 */
@Component
public class Publications implements ProducerListener<Object, Object> {
    private final Truth truth;

    public Publications(Truth truth) {
        this.truth = truth;
    }

    @Override
    public void onSuccess(ProducerRecord<Object, Object> sent, RecordMetadata written) {
        tell(sent, "written", written, null);
    }

    @Override
    public void onError(ProducerRecord<Object, Object> sent, RecordMetadata written, Exception why) {
        tell(sent, "failed", written, why.toString());
    }

    private void tell(ProducerRecord<Object, Object> sent, String outcome, RecordMetadata written, String error) {
        Header order = sent.headers().lastHeader("order_id");
        truth.tell(
                "publish",
                "order_id", order == null ? null : new String(order.value(), StandardCharsets.UTF_8),
                "outcome", outcome,
                "topic", sent.topic(),
                "partition", written == null ? null : written.partition(),
                "offset", written == null || !written.hasOffset() ? null : written.offset(),
                "key", sent.key(),
                "timestamp_ms", written == null ? null : written.timestamp(),
                "at_ns", Truth.now(),
                "error", error);
    }
}
