package hopscope.workload;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.event.EventListener;
import org.springframework.stereotype.Component;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the services themselves know that they did, one JSON object a line. Written where it happens, never taken from
 * telemetry, so that it can judge a tool that reads only telemetry. Times are nanoseconds since 1970.
 */
@Component
public class Truth {
    private final FileChannel file;
    private final JsonMapper json;
    private final String service;

    public Truth(
            @Value("${workload.truth}") Path path,
            @Value("${spring.application.name}") String service,
            JsonMapper json)
            throws IOException {
        // Both services append to one file; a line is one write, so lines of the two do not mix.
        this.file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        this.service = service;
        this.json = json;
    }

    public static long now() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }

    /** Writes one line: its kind, the service, then the given names and values in their order. */
    public synchronized void tell(String kind, Object... namesAndValues) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("kind", kind);
        line.put("service", service);
        for (int i = 0; i < namesAndValues.length; i += 2) {
            line.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        ByteBuffer bytes = ByteBuffer.wrap((json.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
        try {
            while (bytes.hasRemaining()) {
                file.write(bytes);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @EventListener(ApplicationReadyEvent.class)
    public void started() {
        tell("started", "at_ns", now());
    }
}
