package hopscope.workload;

import java.util.List;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.NewTopic;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.annotation.EnableKafkaRetryTopic;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.config.TopicBuilder;
import org.springframework.kafka.core.ConsumerFactory;
import org.springframework.kafka.core.KafkaAdmin;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.util.backoff.FixedBackOff;

/** Topics, and how the payment service consumes them. */
@Configuration(proxyBeanMethods = false)
public class Queues {
    /** Made by both services, whichever comes first; retry and dead-letter topics are made by the framework. */
    @Bean
    KafkaAdmin.NewTopics topics(
            @Value("${workload.orders-topic}") String orders,
            @Value("${workload.refunds-topic}") String refunds,
            @Value("${workload.more-topics}") List<String> more) {
        return new KafkaAdmin.NewTopics(Stream.concat(Stream.of(orders, refunds), more.stream())
                .map(name -> TopicBuilder.name(name).partitions(3).replicas(1).build())
                .toArray(NewTopic[]::new));
    }

    @Configuration(proxyBeanMethods = false)
    @EnableKafkaRetryTopic
    @Profile("payment-service")
    static class Consumption {
        /** Wakes the retry topics' consumers when a record is due. */
        @Bean
        TaskScheduler dueTimes() {
            return new ThreadPoolTaskScheduler();
        }

        @Bean
        ConcurrentKafkaListenerContainerFactory<Object, Object> inPlaceRetries(ConsumerFactory<Object, Object> consumers) {
            var factory = new ConcurrentKafkaListenerContainerFactory<Object, Object>();
            factory.setConsumerFactory(consumers);
            factory.setCommonErrorHandler(new DefaultErrorHandler(new FixedBackOff(1500, FixedBackOff.UNLIMITED_ATTEMPTS)));
            return factory;
        }

        /** Delivers several records at once, and sets aside what fails twice. */
        @Bean
        @Profile("ledger")
        ConcurrentKafkaListenerContainerFactory<Object, Object> batches(
                ConsumerFactory<Object, Object> consumers, KafkaTemplate<Object, Object> records) {
            var factory = new ConcurrentKafkaListenerContainerFactory<Object, Object>();
            factory.setConsumerFactory(consumers);
            factory.setBatchListener(true);
            factory.setCommonErrorHandler(
                    new DefaultErrorHandler(new DeadLetterPublishingRecoverer(records), new FixedBackOff(300, 1)));
            return factory;
        }
    }
}
