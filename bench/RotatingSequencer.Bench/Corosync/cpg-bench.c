/*
 * One member's client of corosync's closed process group. As with the bench's own members, each line of its standard
 * input starts a run: "outstanding payload seconds"; it replies to each with one line of JSON. It keeps so many
 * messages under way, and measures the time from sending each to its own agreed delivery.
 *
 * Arguments: number of members, process id of the corosync daemon, whose CPU counts too.
 */
#include <corosync/cpg.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { max_payload = 1 << 20, max_samples = 20000, headers = 14 + 20 + 8 };

static cpg_handle_t handle;
static unsigned own_node;
static long members_seen, under_way, completed;
static double samples[max_samples];

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void deliver(cpg_handle_t h, const struct cpg_name *group, uint32_t node, uint32_t pid, void *message,
    size_t length)
{
    (void)h, (void)group, (void)length;
    if (node != own_node || pid != (uint32_t)getpid())
        return;
    double sent;
    memcpy(&sent, message, sizeof sent);
    double latency = now_us() - sent;
    /* Reservoir sampling (Vitter's algorithm R): every latency has the same chance to be kept. */
    long at = completed < max_samples ? completed : random() % (completed + 1);
    if (at < max_samples)
        samples[at] = latency;
    completed++;
    under_way--;
}

static void changed(cpg_handle_t h, const struct cpg_name *group, const struct cpg_address *members, size_t count,
    const struct cpg_address *left, size_t left_count, const struct cpg_address *joined, size_t joined_count)
{
    (void)h, (void)group, (void)members, (void)left, (void)left_count, (void)joined, (void)joined_count;
    members_seen = (long)count;
}

static double cpu_us(const char *daemon)
{
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    double sum = (own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1e6 + own.ru_utime.tv_usec + own.ru_stime.tv_usec;
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/stat", daemon);
    FILE *file = fopen(path, "r");
    unsigned long user = 0, system = 0;
    if (file) {
        if (fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
            user = system = 0;
        fclose(file);
    }
    return sum + (user + system) * 1e6 / sysconf(_SC_CLK_TCK);
}

static double interface(const char *counter)
{
    char path[128];
    snprintf(path, sizeof path, "/sys/class/net/eth0/statistics/%s", counter);
    FILE *file = fopen(path, "r");
    double value = 0;
    if (file) {
        if (fscanf(file, "%lf", &value) != 1)
            value = 0;
        fclose(file);
    }
    return value;
}

static void wait_and_dispatch(int fd, int milliseconds)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    poll(&ready, 1, milliseconds);
    cpg_dispatch(handle, CS_DISPATCH_ALL);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    cpg_callbacks_t callbacks = { .cpg_deliver_fn = deliver, .cpg_confchg_fn = changed };
    struct cpg_name group = { .length = 5, .value = "bench" };
    cs_error_t error = CS_ERR_TRY_AGAIN;
    for (int i = 0; i < 100 && (error = cpg_initialize(&handle, &callbacks)) != CS_OK; i++)
        usleep(100 * 1000);
    for (int i = 0; error == CS_OK && i < 100; i++, error = CS_OK) {
        error = cpg_join(handle, &group);
        if (error != CS_ERR_TRY_AGAIN)
            break;
        usleep(100 * 1000);
    }
    if (error != CS_OK) {
        fprintf(stderr, "corosync cannot be reached: error %d\n", error);
        return 1;
    }
    int fd;
    cpg_fd_get(handle, &fd);
    cpg_local_get(handle, &own_node);
    for (int i = 0; i < 600 && members_seen < atol(argv[1]); i++)
        wait_and_dispatch(fd, 100);
    if (members_seen < atol(argv[1])) {
        fprintf(stderr, "only %ld members have joined\n", members_seen);
        return 1;
    }

    char *payload = calloc(1, max_payload), line[256];
    while (fgets(line, sizeof line, stdin)) {
        long outstanding, length;
        double seconds;
        if (sscanf(line, "%ld %ld %lf", &outstanding, &length, &seconds) != 3 || length < (long)sizeof(double)
            || length > max_payload)
            return 2;
        completed = under_way = 0;
        double cpu = cpu_us(argv[2]), packets = interface("tx_packets"), bytes = interface("tx_bytes");
        double end = now_us() + seconds * 1e6;
        while (now_us() < end || (under_way > 0 && now_us() < end + 10e6)) {
            while (under_way < outstanding && now_us() < end) {
                double sent = now_us();
                memcpy(payload, &sent, sizeof sent);
                struct iovec part = { payload, (size_t)length };
                if (cpg_mcast_joined(handle, CPG_TYPE_AGREED, &part, 1) != CS_OK)
                    break;
                under_way++;
            }
            wait_and_dispatch(fd, under_way < outstanding && now_us() < end ? 1 : 20);
        }
        packets = interface("tx_packets") - packets;
        printf("{\"Completed\":%ld,\"CpuMicroseconds\":%.0f,\"DatagramsSent\":%.0f,\"BytesSent\":%.0f,"
               "\"Syncs\":0,\"Latencies\":[",
            completed, cpu_us(argv[2]) - cpu, packets, interface("tx_bytes") - bytes - headers * packets);
        for (long i = 0; i < completed && i < max_samples; i++)
            printf("%s%.1f", i ? "," : "", samples[i]);
        printf("]}\n");
        fflush(stdout);
    }
    cpg_finalize(handle);
    return 0;
}
