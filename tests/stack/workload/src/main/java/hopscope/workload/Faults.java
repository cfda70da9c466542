package hopscope.workload;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.stereotype.Component;

/** What goes wrong once for an order that asks for it: the first run of its handler, also over a restart of the process. */
@Component
public class Faults {
    private static final long LONGER_THAN_THE_POLL_INTERVAL_MS = 7_000;

    private final Path truth;

    public Faults(@Value("${workload.truth}") Path truth) {
        this.truth = truth;
    }

    /** Holds the handler up until the group has given its partitions to somebody else. */
    public void beforeTheEffect(Order order) {
        if ("java:overrun".equals(order.fault()) && first(order)) {
            try {
                Thread.sleep(LONGER_THAN_THE_POLL_INTERVAL_MS);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** Kills this process, as the kernel does when memory is short: nothing is flushed, nothing committed. */
    public void afterTheEffect(Order order) {
        if ("java:killed".equals(order.fault()) && first(order)) {
            try {
                new ProcessBuilder("kill", "-KILL", Long.toString(ProcessHandle.current().pid())).start().waitFor();
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private boolean first(Order order) {
        try {
            Files.createFile(Path.of(truth + ".did-" + order.orderId()));
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
