package hopscope.workload;

import org.springframework.context.annotation.Profile;
import org.springframework.kafka.config.KafkaListenerEndpointRegistry;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Ends all consumption while the process still runs. The agent flushes its spans in a shutdown hook beside Spring's, so
 * a handler that was still at work by then could lose its span.
 */
@RestController
@Profile("payment-service")
public class Quiet {
    private final KafkaListenerEndpointRegistry listeners;
    private final Refunds refunds;

    public Quiet(KafkaListenerEndpointRegistry listeners, Refunds refunds) {
        this.listeners = listeners;
        this.refunds = refunds;
    }

    @PostMapping("/quiet")
    public void stopListening() {
        // Returns when every consumer has committed, left its group and is closed.
        listeners.stop();
        refunds.tellStuck();
    }
}
