/*
 * A load generator for iSCSI targets over libiscsi's asynchronous interface: what iscsi-perf does,
 * and also writes, data that is unique or not, mixes, flushes and verification.
 *
 *   cc -O2 -Wall -Wextra -o load load.c -liscsi -lm
 *   load --url iscsi://127.0.0.1:3260/iqn…/0 --op write --block 4096 --depth 32 --duration 5
 *
 * Prints one JSON line; SIGINT ends the run early. Exit code 0, 1 for an error or a mismatch, 2 for
 * wrong usage.
 *
 * The range is cut in slots of --block bytes; an operation is on one slot. The bytes of a slot are
 * a function of (seed, 4 KiB piece, version of the slot): a reader that knows the version knows
 * every byte. With --verify a slot has at most one operation in flight.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#include "latency.h"

enum { PIECE = 4096, MAX_URLS = 16, MAX_SESSIONS = 256 };
enum operation { OP_READ, OP_WRITE, OP_MIXED };
enum data_kind { DATA_UNIQUE, DATA_HALF, DATA_DUPLICATE, DATA_ZERO };

static struct {
	const char *urls[MAX_URLS];
	int url_count;
	uint32_t block;
	int depth;
	int sessions;
	enum operation operation;
	int read_percent;
	bool sequential;
	enum data_kind data;
	bool verify;
	double duration_s;
	double warmup_s;
	uint64_t ops;
	uint64_t flush_every;
	uint64_t range;
	uint64_t offset;
	uint64_t seed, duplicates;
	bool header_digest;
	bool written;
} option = {
	.block = 4096, .depth = 32, .sessions = 1, .operation = OP_READ, .read_percent = 70,
	.duration_s = 5, .seed = 1, .duplicates = 64,
};

struct session;

struct request {
	struct session *session;
	uint8_t *buffer;
	struct scsi_iovec vector;
	uint64_t slot;
	uint32_t version;
	bool is_read;
	uint64_t started_ns;
};

struct session {
	struct iscsi_context *iscsi;
	int lun;
	struct request *requests;
};

static struct session sessions[MAX_SESSIONS];
static uint32_t block_size;
static uint64_t slot_count;
static uint32_t *versions; /* per slot; 0: content not known */
static uint8_t *busy;
static uint64_t random_state;
static uint64_t next_slot;
static uint64_t issued, in_flight;
static bool stopping;
static volatile sig_atomic_t interrupted; /* the run ends as if its time were over */

/* Errors and what concerns verification are of the whole run, the rest is without the warm-up. */
static struct {
	uint64_t operations, reads, writes, flushes, errors, verified, mismatches;
} count;

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* splitmix64 (Steele, Lea, Flood): one addition and a mix a step, so any step can be a start. */
static inline uint64_t mix64(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t next_random(void)
{
	return mix64(random_state += 0x9e3779b97f4a7c15u);
}

static void fill_piece(uint8_t *bytes, uint32_t length, uint64_t key)
{
	uint32_t filled = length;
	if (option.data == DATA_ZERO) filled = 0;
	if (option.data == DATA_HALF) filled = length / 2;
	if (option.data == DATA_DUPLICATE) key = mix64(option.seed) + key % option.duplicates;
	uint64_t state = mix64(key);
	for (uint32_t i = 0; i + 8 <= filled; i += 8) {
		uint64_t word = mix64(state += 0x9e3779b97f4a7c15u);
		memcpy(bytes + i, &word, 8);
	}
	memset(bytes + (filled & ~7u), 0, length - (filled & ~7u));
}

static void fill_slot(uint8_t *bytes, uint64_t slot, uint32_t version)
{
	for (uint32_t at = 0; at < option.block; at += PIECE) {
		uint32_t length = option.block - at < PIECE ? option.block - at : PIECE;
		uint64_t piece = (slot * option.block + at) / 512;
		fill_piece(bytes + at, length, mix64(mix64(option.seed) + piece) + version);
	}
}

static bool slot_is_right(const uint8_t *bytes, uint64_t slot, uint32_t version)
{
	static uint8_t *expected;
	if (!expected && !(expected = malloc(option.block))) abort();
	fill_slot(expected, slot, version);
	return memcmp(bytes, expected, option.block) == 0;
}

static void fail(struct session *session, const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, iscsi_get_error(session->iscsi));
	exit(1);
}

static bool take_slot(uint64_t *slot)
{
	for (int attempt = 0; attempt < 1000; attempt++) {
		*slot = option.sequential ? next_slot++ % slot_count : next_random() % slot_count;
		if (!option.verify) return true;
		if (!busy[*slot]) {
			busy[*slot] = 1;
			return true;
		}
	}
	return false;
}

static void issue(struct request *request);

static void flushed(struct iscsi_context *iscsi, int status, void *data, void *private_data)
{
	(void)iscsi;
	(void)private_data;
	if (status != SCSI_STATUS_GOOD) count.errors++;
	else count.flushes++;
	scsi_free_scsi_task(data);
	in_flight--;
}

static void flush(struct session *session)
{
	in_flight++;
	if (!iscsi_synchronizecache10_task(session->iscsi, session->lun, 0, 0, 0, 0, flushed, session))
		fail(session, "SYNCHRONIZE CACHE");
}

static void completed(struct iscsi_context *iscsi, int status, void *data, void *private_data)
{
	struct request *request = private_data;
	(void)iscsi;
	note_latency(now_ns() - request->started_ns);
	count.operations++;
	in_flight--;
	if (option.verify) busy[request->slot] = 0;
	if (status != SCSI_STATUS_GOOD) {
		if (count.errors++ == 0)
			fprintf(stderr, "load: status 0x%x: %s\n", status, iscsi_get_error(iscsi));
		/* After a write that failed nobody knows what the slot holds. */
		if (!request->is_read) versions[request->slot] = 0;
	} else if (request->is_read) {
		count.reads++;
		if (option.verify && request->version > 0) {
			count.verified++;
			if (!slot_is_right(request->buffer, request->slot, request->version)) {
				if (count.mismatches++ == 0)
					fprintf(stderr, "load: wrong data at byte %" PRIu64 "\n",
						option.offset + request->slot * option.block);
			}
		}
	} else {
		count.writes++;
		if (option.flush_every > 0 && count.writes % option.flush_every == 0)
			flush(request->session);
	}
	scsi_free_scsi_task(data);
	if (!stopping) issue(request);
}

static void issue(struct request *request)
{
	struct session *session = request->session;
	if (option.ops > 0 && issued >= option.ops) return;
	if (!take_slot(&request->slot)) return;
	issued++;
	in_flight++;
	request->is_read = option.operation == OP_READ ||
		(option.operation == OP_MIXED && (int)(next_random() % 100) < option.read_percent);
	uint64_t lba = (option.offset + request->slot * option.block) / block_size;
	struct scsi_task *task;
	if (request->is_read) {
		request->version = versions[request->slot];
		request->vector.iov_base = request->buffer;
		request->vector.iov_len = option.block;
		request->started_ns = now_ns();
		task = iscsi_read16_iov_task(session->iscsi, session->lun, lba, option.block,
			(int)block_size, 0, 0, 0, 0, 0, completed, request, &request->vector, 1);
	} else {
		request->version = ++versions[request->slot];
		fill_slot(request->buffer, request->slot, request->version);
		request->started_ns = now_ns();
		task = iscsi_write16_task(session->iscsi, session->lun, lba, request->buffer,
			option.block, (int)block_size, 0, 0, 0, 0, 0, completed, request);
	}
	if (!task) fail(session, request->is_read ? "READ(16)" : "WRITE(16)");
}

static void service(void)
{
	struct pollfd polled[MAX_SESSIONS];
	for (int i = 0; i < option.sessions; i++) {
		polled[i].fd = iscsi_get_fd(sessions[i].iscsi);
		polled[i].events = (short)iscsi_which_events(sessions[i].iscsi);
	}
	if (poll(polled, (nfds_t)option.sessions, 100) < 0 && errno != EINTR) {
		perror("load: poll");
		exit(1);
	}
	for (int i = 0; i < option.sessions; i++) {
		if (iscsi_service(sessions[i].iscsi, polled[i].revents) < 0)
			fail(&sessions[i], "the connection is lost");
	}
}

static void open_session(struct session *session, int index)
{
	char name[64];
	snprintf(name, sizeof name, "iqn.2026-01.org.example:load-%d", index);
	session->iscsi = iscsi_create_context(name);
	const char *text = option.urls[index % option.url_count];
	struct iscsi_url *url = session->iscsi ? iscsi_parse_full_url(session->iscsi, text) : NULL;
	if (!url) {
		fprintf(stderr, "load: not an iSCSI URL: %s\n", text);
		exit(2);
	}
	iscsi_set_targetname(session->iscsi, url->target);
	iscsi_set_session_type(session->iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_header_digest(session->iscsi, option.header_digest
		? ISCSI_HEADER_DIGEST_CRC32C : ISCSI_HEADER_DIGEST_NONE);
	if (url->user[0])
		iscsi_set_initiator_username_pwd(session->iscsi, url->user, url->passwd);
	session->lun = url->lun;
	if (iscsi_full_connect_sync(session->iscsi, url->portal, url->lun) != 0)
		fail(session, "login");
	/* A lost connection is a result here, not something to repair in silence. */
	iscsi_set_noautoreconnect(session->iscsi, 1);
	iscsi_destroy_url(url);
	session->requests = calloc((size_t)option.depth, sizeof *session->requests);
	for (int i = 0; i < option.depth; i++) {
		session->requests[i].session = session;
		session->requests[i].buffer = malloc(option.block);
		if (!session->requests[i].buffer) abort();
		memset(session->requests[i].buffer, 0, option.block);
	}
}

static void read_capacity(struct session *session)
{
	struct scsi_task *task = iscsi_readcapacity16_sync(session->iscsi, session->lun);
	struct scsi_readcapacity16 *capacity =
		task && task->status == SCSI_STATUS_GOOD ? scsi_datain_unmarshall(task) : NULL;
	if (!capacity) fail(session, "READ CAPACITY(16)");
	block_size = capacity->block_length;
	uint64_t size = (capacity->returned_lba + 1) * block_size;
	scsi_free_scsi_task(task);
	if (option.range == 0) option.range = size - option.offset;
	if (option.offset + option.range > size || option.block % block_size != 0 ||
	    option.offset % block_size != 0 || option.range < option.block) {
		fprintf(stderr, "load: --offset, --range and --block do not fit the LUN of %" PRIu64
			" bytes in blocks of %u\n", size, block_size);
		exit(2);
	}
	slot_count = option.range / option.block;
	versions = calloc(slot_count, sizeof *versions);
	busy = calloc(slot_count, 1);
	if (!versions || !busy) abort();
	for (uint64_t slot = 0; option.written && slot < slot_count; slot++) versions[slot] = 1;
}

/* With --verify at the end: all that this run wrote is read once more, in order. */
static void read_back(void)
{
	option.operation = OP_READ;
	option.sequential = true;
	next_slot = 0;
	option.ops = issued + slot_count;
	stopping = false;
	for (int s = 0; s < option.sessions; s++)
		for (int i = 0; i < option.depth; i++) issue(&sessions[s].requests[i]);
	while (in_flight > 0) service();
}

static void print_result(double seconds)
{
	double bytes = (double)count.operations * option.block;
	printf("{\"operations\":%" PRIu64 ",\"reads\":%" PRIu64 ",\"writes\":%" PRIu64
		",\"flushes\":%" PRIu64 ",\"seconds\":%.3f,\"opsPerSecond\":%.1f,"
		"\"megabytesPerSecond\":%.2f,\"latencyUs\":{\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,"
		"\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},",
		count.operations, count.reads, count.writes, count.flushes, seconds,
		(double)count.operations / seconds, bytes / seconds / 1e6,
		mean_us(), percentile_us(0.5), percentile_us(0.9), percentile_us(0.99),
		percentile_us(0.999), (double)latency.max_ns / 1000);
}

static void forget_warm_up(void)
{
	count.operations = count.reads = count.writes = count.flushes = 0;
	memset(&latency, 0, sizeof latency);
}

static void interrupt(int signal)
{
	interrupted = signal;
}

static void measure(void)
{
	uint64_t begin = now_ns();
	uint64_t start = begin + (uint64_t)(option.warmup_s * 1e9);
	uint64_t end = start + (uint64_t)(option.duration_s * 1e9);
	bool is_warm = option.warmup_s <= 0;
	for (int s = 0; s < option.sessions; s++)
		for (int i = 0; i < option.depth; i++) issue(&sessions[s].requests[i]);
	while (in_flight > 0) {
		service();
		uint64_t now = now_ns();
		if (!is_warm && now >= start) {
			is_warm = true;
			start = now;
			forget_warm_up();
		}
		if (interrupted || (option.ops == 0 && now >= end)) break;
	}
	double seconds = (double)(now_ns() - start) / 1e9;
	print_result(seconds);
	stopping = true;
	while (in_flight > 0) service();
}

static uint64_t size_of(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);
	switch (*end) {
	case 'T': value <<= 10; /* fall through */
	case 'G': value <<= 10; /* fall through */
	case 'M': value <<= 10; /* fall through */
	case 'K': value <<= 10; end++;
	}
	if (end == text || *end != '\0') {
		fprintf(stderr, "load: not a number or size: %s\n", text);
		exit(2);
	}
	return value;
}

static int choice(const char *text, const char *const names[])
{
	for (int i = 0; names[i]; i++)
		if (strcmp(text, names[i]) == 0) return i;
	fprintf(stderr, "load: not one of its values: %s\n", text);
	exit(2);
}

static void usage(void)
{
	fputs("usage: load --url iscsi://…  [--url …]\n"
	      "  --block SIZE (4096)   --depth N a session (32)   --sessions N (1)\n"
	      "  --op read|write|mixed   --read-percent N (70)   --pattern random|sequential\n"
	      "  --data unique|half|duplicate|zero (half: compressible 2:1)   --verify\n"
	      "  --duplicates N (how many contents of 4 KiB there are with duplicate: 64)\n"
	      "  --written (an earlier run with this seed, block and data wrote the range once)\n"
	      "  --duration S (5)   --warmup S   --ops N (instead of a duration)\n"
	      "  --flush-every N writes   --range SIZE   --offset SIZE   --seed N   --header-digest\n",
	      stderr);
	exit(2);
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{"url", 1, 0, 'u'}, {"block", 1, 0, 'b'}, {"depth", 1, 0, 'q'},
		{"sessions", 1, 0, 's'}, {"op", 1, 0, 'o'}, {"read-percent", 1, 0, 'p'},
		{"pattern", 1, 0, 'a'}, {"data", 1, 0, 'd'}, {"verify", 0, 0, 'v'},
		{"duration", 1, 0, 't'}, {"warmup", 1, 0, 'w'}, {"ops", 1, 0, 'n'},
		{"flush-every", 1, 0, 'f'}, {"range", 1, 0, 'r'}, {"offset", 1, 0, 'O'},
		{"seed", 1, 0, 'S'}, {"header-digest", 0, 0, 'H'}, {"written", 0, 0, 'W'},
		{"duplicates", 1, 0, 'D'},
		{0, 0, 0, 0},
	};
	static const char *const operations[] = {"read", "write", "mixed", NULL};
	static const char *const patterns[] = {"random", "sequential", NULL};
	static const char *const kinds[] = {"unique", "half", "duplicate", "zero", NULL};
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (c) {
		case 'u':
			if (option.url_count == MAX_URLS) usage();
			option.urls[option.url_count++] = optarg;
			break;
		case 'b': option.block = (uint32_t)size_of(optarg); break;
		case 'q': option.depth = (int)size_of(optarg); break;
		case 's': option.sessions = (int)size_of(optarg); break;
		case 'o': option.operation = (enum operation)choice(optarg, operations); break;
		case 'p': option.read_percent = (int)size_of(optarg); break;
		case 'a': option.sequential = choice(optarg, patterns) == 1; break;
		case 'd': option.data = (enum data_kind)choice(optarg, kinds); break;
		case 'v': option.verify = true; break;
		case 't': option.duration_s = atof(optarg); break;
		case 'w': option.warmup_s = atof(optarg); break;
		case 'n': option.ops = size_of(optarg); break;
		case 'f': option.flush_every = size_of(optarg); break;
		case 'r': option.range = size_of(optarg); break;
		case 'O': option.offset = size_of(optarg); break;
		case 'S': option.seed = size_of(optarg); break;
		case 'H': option.header_digest = true; break;
		case 'W': option.written = true; break;
		case 'D': option.duplicates = size_of(optarg); break;
		default: usage();
		}
	}
	if (option.url_count == 0 || optind < argc || option.depth < 1 || option.block < 512 ||
	    option.duplicates < 1 ||
	    option.sessions < 1 || option.sessions > MAX_SESSIONS)
		usage();
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	signal(SIGINT, interrupt);
	random_state = option.seed;
	for (int i = 0; i < option.sessions; i++) open_session(&sessions[i], i);
	read_capacity(&sessions[0]);
	measure();
	if (option.verify) read_back();
	printf("\"errors\":%" PRIu64 ",\"verified\":%" PRIu64 ",\"mismatches\":%" PRIu64 "}\n",
		count.errors, count.verified, count.mismatches);
	for (int i = 0; i < option.sessions; i++) {
		iscsi_logout_sync(sessions[i].iscsi);
		iscsi_destroy_context(sessions[i].iscsi);
	}
	return count.errors > 0 || count.mismatches > 0 ? 1 : 0;
}
