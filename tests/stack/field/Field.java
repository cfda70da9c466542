import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What brokers hold in the field, made small: transactions that are committed, aborted and open, all codecs, headers that repeat, tombstones, the
 * broker's clock, groups of every protocol that the broker has. Prints one line for each record that it wrote:
 *
 *   record TOPIC PARTITION OFFSET plain|committed|aborted|open
 *
 * and `ready` at the end. Members and the open transaction live until standard input ends.
 *
 * usage: java Field.java BOOTSTRAP classic|consumer|share    (the newest protocol that the broker has)
 */
public class Field {
  static final List<Thread> members = new ArrayList<>();
  static volatile boolean goesOn = true;

  public static void main(String[] args) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", args[0]);
    try (Admin admin = Admin.create(settings)) {
      Map<String, String> kept = Map.of("retention.ms", "-1");
      admin.createTopics(List.of(
          new NewTopic("field-plain", 3, (short) 1).configs(kept),
          new NewTopic("field-transactions", 1, (short) 1).configs(kept),
          new NewTopic("field-appended", 1, (short) 1).configs(Map.of("message.timestamp.type", "LogAppendTime", "retention.ms", "86400000")),
          new NewTopic("field-compacted", 1, (short) 1).configs(Map.of("cleanup.policy", "compact")),
          new NewTopic("field-empty", 1, (short) 1))).all().get();
      for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
        try (KafkaProducer<String, String> producer = producer(settings, Map.of("compression.type", codec))) {
          for (int number = 0; number < 4; number++) {
            ProducerRecord<String, String> record = new ProducerRecord<>("field-plain", number % 3, codec + "-" + number, "value of " + codec);
            record.headers().add("codec", codec.getBytes()).add("again", "1".getBytes()).add("again", "2".getBytes()).add("none", null);
            told("plain", producer.send(record).get());
          }
          told("plain", producer.send(new ProducerRecord<>("field-appended", 0, 1_000L, "key", "value")).get());
          told("plain", producer.send(new ProducerRecord<>("field-compacted", 0, "key", null)).get());
        }
      }
      transaction(settings, "field-commits", "committed");
      transaction(settings, "field-aborts", "aborted");
      transaction(settings, "field-commits", "committed");
      try (Admin committer = Admin.create(settings)) {
        committer.alterConsumerGroupOffsets("field-never-joined",
            Map.of(new TopicPartition("field-plain", 0), new OffsetAndMetadata(3), new TopicPartition("field-transactions", 0), new OffsetAndMetadata(0)))
            .all().get();
      }
      member(settings, "field-classic", Map.of("group.instance.id", "pump-1", "client.id", "pump"), null);
      if (!args[1].equals("classic")) {
        member(settings, "field-newer", Map.of("group.protocol", "consumer", "client.id", "newer"), Pattern.compile("field-p.*"));
      }
      if (args[1].equals("share")) {
        share(settings, admin);
      }
      KafkaProducer<String, String> holder = producer(settings, Map.of("transactional.id", "field-holds", "transaction.timeout.ms", "600000"));
      holder.initTransactions();
      holder.beginTransaction();
      for (int number = 0; number < 2; number++) {
        told("open", holder.send(new ProducerRecord<>("field-transactions", 0, "held", "value")).get());
      }
      try (KafkaProducer<String, String> producer = producer(settings, Map.of())) {
        told("plain", producer.send(new ProducerRecord<>("field-transactions", 0, "behind", "value")).get());
      }
      System.out.println("ready");
      while (System.in.read() >= 0) {}
      goesOn = false;
      for (Thread member : members) member.join();
      holder.abortTransaction();
      holder.close();
    }
  }

  static KafkaProducer<String, String> producer(Properties settings, Map<String, String> more) {
    Properties all = new Properties();
    all.putAll(settings);
    all.put("linger.ms", "0");
    all.putAll(more);
    return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
  }

  static void transaction(Properties settings, String id, String end) throws Exception {
    try (KafkaProducer<String, String> producer = producer(settings, Map.of("transactional.id", id))) {
      producer.initTransactions();
      producer.beginTransaction();
      List<RecordMetadata> written = new ArrayList<>();
      for (int number = 0; number < 3; number++) {
        written.add(producer.send(new ProducerRecord<>("field-transactions", 0, end, "value")).get());
      }
      if (end.equals("committed")) producer.commitTransaction(); else producer.abortTransaction();
      for (RecordMetadata record : written) told(end, record);
    }
  }

  static void told(String end, RecordMetadata at) {
    System.out.println("record " + at.topic() + " " + at.partition() + " " + at.offset() + " " + end);
  }

  /** A member that reads two records of each partition, commits that, and then only stays. */
  static void member(Properties settings, String group, Map<String, String> more, Pattern pattern) throws Exception {
    CountDownLatch joined = new CountDownLatch(1);
    Thread thread = new Thread(() -> {
      Properties all = new Properties();
      all.putAll(settings);
      all.putAll(Map.of("group.id", group, "enable.auto.commit", "false", "auto.offset.reset", "earliest"));
      all.putAll(more);
      try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer())) {
        if (pattern == null) consumer.subscribe(List.of("field-plain", "field-empty"));
        else if (group.equals("field-newer")) consumer.subscribe(new org.apache.kafka.clients.consumer.SubscriptionPattern(pattern.pattern()));
        while (goesOn) {
          consumer.poll(Duration.ofMillis(100));
          if (joined.getCount() > 0 && consumer.assignment().size() >= 3) {
            Map<TopicPartition, OffsetAndMetadata> read = new HashMap<>();
            for (TopicPartition at : consumer.assignment()) {
              if (at.topic().equals("field-plain")) read.put(at, new OffsetAndMetadata(2, "noted\u0000"));
            }
            consumer.commitSync(read);
            joined.countDown();
          }
        }
      }
    });
    thread.start();
    members.add(thread);
    joined.await();
  }

  static void share(Properties settings, Admin admin) throws Exception {
    CountDownLatch joined = new CountDownLatch(1);
    Thread thread = new Thread(() -> {
      Properties all = new Properties();
      all.putAll(settings);
      all.putAll(Map.of("group.id", "field-share", "client.id", "sharer"));
      try (KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(all, new StringDeserializer(), new StringDeserializer())) {
        consumer.subscribe(List.of("field-plain"));
        long end = System.currentTimeMillis() + 5_000;
        while (goesOn) {
          consumer.poll(Duration.ofMillis(100));
          if (System.currentTimeMillis() > end) joined.countDown();
        }
      }
    });
    thread.start();
    members.add(thread);
    joined.await();
  }
}
