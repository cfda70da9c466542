import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.StringSerializer;

/** Makes a topic of 1,000 partitions, and groups that committed ten offsets each without ever having a member. */
public class Groups {
  public static void main(String[] args) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", args[0]);
    int groups = Integer.parseInt(args[1]);
    String topic = "many-partitions";
    try (Admin admin = Admin.create(settings);
        KafkaProducer<String, String> producer =
            new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      try {
        admin.createTopics(List.of(new NewTopic(topic, 1000, (short) 1))).all().get();
        for (int partition = 0; partition < 1000; partition++) {
          for (int record = 0; record < 10; record++) {
            producer.send(new ProducerRecord<>(topic, partition, "key", "value"));
          }
        }
        producer.flush();
      } catch (java.util.concurrent.ExecutionException error) {
        if (!(error.getCause() instanceof TopicExistsException)) throw error;
      }
      for (int group = 0; group < groups; group++) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (int at = 0; at < 10; at++) {
          offsets.put(new TopicPartition(topic, (group * 10 + at) % 1000), new OffsetAndMetadata(group % 10));
        }
        admin.alterConsumerGroupOffsets(String.format("batch-%04d", group), offsets).all().get();
      }
    }
  }
}
