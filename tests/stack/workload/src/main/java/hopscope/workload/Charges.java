package hopscope.workload;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Profile;
import org.springframework.http.MediaType;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.stereotype.Component;
import org.springframework.web.client.RestClient;

/** Calls the payment service, and calls again when it is refused. */
@Component
@Profile("order-service")
public class Charges {
    private static final Logger log = LoggerFactory.getLogger(Charges.class);
    private static final int ATTEMPTS = 4;
    private static final long PAUSE_MS = 200;

    private final RestClient http;
    private final Truth truth;
    private final String url;

    public Charges(@Value("${workload.payment}") String payment, Truth truth) {
        // No read timeout: under this agent a call that the JDK's client gives up on leaves no client span at all.
        this.http = RestClient.builder().requestFactory(new JdkClientHttpRequestFactory()).build();
        this.truth = truth;
        this.url = payment + "/charge";
    }

    /** Whether one of the attempts was accepted. */
    public boolean charge(Order order) throws InterruptedException {
        for (int ordinal = 1; ordinal <= ATTEMPTS; ordinal++) {
            if (ordinal > 1) {
                Thread.sleep(PAUSE_MS);
            }
            long start = Truth.now();
            int status = http.post()
                    .uri(url)
                    .contentType(MediaType.APPLICATION_JSON)
                    .body(order)
                    .exchange((request, response) -> response.getStatusCode().value());
            truth.tell(
                    "http_attempt",
                    "order_id", order.orderId(),
                    "ordinal", ordinal,
                    "method", "POST",
                    "url", url,
                    "status", status,
                    "start_ns", start,
                    "end_ns", Truth.now());
            if (status < 400) {
                log.info("order {} charged, attempt {}", order.orderId(), ordinal);
                return true;
            }
            log.warn("charge of order {} answered {}, attempt {} of {}", order.orderId(), status, ordinal, ATTEMPTS);
        }
        return false;
    }
}
