package hopscope.workload;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.springframework.context.annotation.Profile;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

/** The payment service's HTTP side, which the order service offers to others, too: it refuses an order as often as the order asks for, then accepts it. */
@RestController
@Profile({"payment-service", "charges"})
public class Payments {
    private static final Logger log = LoggerFactory.getLogger(Payments.class);

    private final Map<String, AtomicInteger> calls = new ConcurrentHashMap<>();
    private final Truth truth;

    public Payments(Truth truth) {
        this.truth = truth;
    }

    @PostMapping("/charge")
    public ResponseEntity<Map<String, String>> charge(@RequestBody Order order) {
        try (var ignored = MDC.putCloseable("order_id", order.orderId())) {
            long start = Truth.now();
            int call = calls.computeIfAbsent(order.orderId(), id -> new AtomicInteger()).incrementAndGet();
            int status = call <= order.refusals() ? 503 : 200;
            if (status == 503) {
                log.error("cannot charge order {}: card network unavailable", order.orderId());
            } else {
                log.info("reserved {} cents for order {}", order.amountCents(), order.orderId());
            }
            truth.tell(
                    "http_served",
                    "order_id", order.orderId(),
                    "ordinal", call,
                    "status", status,
                    "start_ns", start,
                    "end_ns", Truth.now());
            return ResponseEntity.status(status).body(Map.of("orderId", order.orderId()));
        }
    }
}
