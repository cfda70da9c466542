package hopscope.workload;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** One program, two services: the profile "order-service" or "payment-service" says which one a process is. */
@SpringBootApplication
public class Workload {
    public static void main(String[] args) {
        SpringApplication.run(Workload.class, args);
    }
}
