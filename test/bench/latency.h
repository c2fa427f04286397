/* Latencies of one run: counts by powers of two in 32 steps each, for percentiles within about 3 %. */
#include <math.h>
#include <stdint.h>

enum { STEPS = 32, BUCKETS = 64 * STEPS };

static struct {
	uint64_t operations, max_ns, histogram[BUCKETS];
	double sum_us;
} latency;

static void note_latency(uint64_t ns)
{
	latency.operations++;
	latency.sum_us += (double)ns / 1000;
	if (ns > latency.max_ns) latency.max_ns = ns;
	int power = ns < STEPS ? 5 : 63 - __builtin_clzll(ns);
	int step = ns < STEPS ? 0 : (int)((ns >> (power - 5)) & (STEPS - 1));
	latency.histogram[power * STEPS + step]++;
}

static double mean_us(void)
{
	return latency.operations ? latency.sum_us / (double)latency.operations : 0;
}

static double percentile_us(double fraction)
{
	uint64_t wanted = (uint64_t)ceil(fraction * (double)latency.operations), seen = 0;
	for (int i = 0; i < BUCKETS; i++) {
		seen += latency.histogram[i];
		if (seen >= wanted && seen > 0)
			return ldexp(1.0 + i % STEPS / (double)STEPS, i / STEPS) / 1000;
	}
	return 0;
}
