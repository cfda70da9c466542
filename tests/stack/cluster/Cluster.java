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
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Makes a topic that every broker holds, ten records in each partition, and groups that committed offsets without ever having
 * a member: group N stands at N everywhere. Prints who leads which partition.
 */
public class Cluster {
  static final String TOPIC = "cluster-orders";
  static final int PARTITIONS = 6;
  static final int GROUPS = 8;

  public static void main(String[] args) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", args[0]);
    settings.put("acks", "all");
    try (Admin admin = Admin.create(settings);
        KafkaProducer<String, String> producer =
            new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      admin.createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 3))).all().get();
      for (int partition = 0; partition < PARTITIONS; partition++) {
        for (int record = 0; record < 10; record++) {
          producer.send(new ProducerRecord<>(TOPIC, partition, "key", partition + "@" + record)).get();
        }
      }
      for (int group = 0; group < GROUPS; group++) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
          offsets.put(new TopicPartition(TOPIC, partition), new OffsetAndMetadata(group));
        }
        admin.alterConsumerGroupOffsets("cluster-group-" + group, offsets).all().get();
      }
      for (TopicPartitionInfo partition :
          admin.describeTopics(List.of(TOPIC)).allTopicNames().get().get(TOPIC).partitions()) {
        System.out.println("leader " + partition.partition() + " " + partition.leader().id());
      }
    }
  }
}
