package hopscope.workload;

/**
 * An order as it comes in over HTTP and goes out as a record's value. The last three say how its story is to go.
 *
 * @param orderId the business id: the record's key and header, and in every log line about it
 * @param account whose money it is; the key of refunds
 * @param refusals how many charges are answered with 503 before one is accepted
 * @param poisoned whether handling the record fails, each time
 * @param fault what else goes wrong, once and in which language, such as {@code java:killed}; null for nothing
 */
public record Order(
        String orderId, String account, int amountCents, int refusals, boolean poisoned, String fault) {}
