/* The plainest C program for one model: M/M/1 with three classes under preemptive-resume priority,
 * exponential gaps and services, histograms of latency (arrival to first service) and sojourn.
 *
 *     cc -O3 -o plain plain.c -lm && ./plain EVENTS LOAD
 *
 * Prints seconds, events, and each class's mean sojourn, the most urgent first. An event is an
 * arrival or a departure. Nothing else is modelled: no planes, no states, no events but these.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLASSES 3
#define ROOM (1u << 20)
#define BUCKETS 3712

struct job {
    int64_t arrival, left;
    int started;
};

static struct job queue[CLASSES][ROOM];
static uint32_t head[CLASSES], tail[CLASSES];
static uint64_t latency[CLASSES][BUCKETS], sojourn[CLASSES][BUCKETS];
static uint64_t sum[CLASSES], count[CLASSES], seed[4] = {1, 2, 3, 1};

static uint64_t next(void)
{
    const uint64_t out = seed[0] + seed[1] + seed[3]++;
    seed[0] = seed[1] ^ (seed[1] >> 11);
    seed[1] = seed[2] + (seed[2] << 3);
    seed[2] = ((seed[2] << 24) | (seed[2] >> 40)) + out;
    return out;
}

static int64_t exponential(double mean)
{
    return (int64_t)(-log1p(-(double)(next() >> 11) / 9007199254740992.0) * mean + 0.5);
}

static unsigned bucket(uint64_t value)
{
    const unsigned shift = 63u - (unsigned)__builtin_clzll(value | 64u) - 6u;
    return (shift << 6) + (unsigned)(value >> shift);
}

int main(int argc, char **argv)
{
    const uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    const double load = argc > 2 ? atof(argv[2]) : 0.7, mean = 10000, gap = mean * CLASSES / load;
    int64_t now = 0, arrival[CLASSES];
    for (int i = 0; i < CLASSES; i++)
        arrival[i] = exponential(gap);
    int current = CLASSES;
    const clock_t began = clock();
    for (uint64_t event = 0; event < events; event++) {
        int first = 0;
        for (int i = 1; i < CLASSES; i++)
            first = arrival[i] < arrival[first] ? i : first;
        struct job *working = current < CLASSES ? &queue[current][head[current] % ROOM] : NULL;
        if (working && now + working->left <= arrival[first]) {
            now += working->left;
            const uint64_t took = (uint64_t)(now - working->arrival);
            sojourn[current][bucket(took)]++;
            sum[current] += took;
            count[current]++;
            head[current]++;
            while (current < CLASSES && head[current] == tail[current])
                current++;
        } else {
            if (working)
                working->left -= arrival[first] - now;
            now = arrival[first];
            struct job *job = &queue[first][tail[first]++ % ROOM];
            job->arrival = now;
            job->left = exponential(mean);
            job->started = 0;
            arrival[first] += exponential(gap);
            if (first < current)
                current = first;
        }
        if (current < CLASSES) {
            struct job *job = &queue[current][head[current] % ROOM];
            if (!job->started)
                latency[current][bucket((uint64_t)(now - job->arrival))]++;
            job->started = 1;
        }
    }
    const double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    printf("%.6f %llu", seconds, (unsigned long long)events);
    for (int i = 0; i < CLASSES; i++)
        printf(" %.3f", (double)sum[i] / (double)count[i]);
    printf("\n");
    return 0;
}
