// Compares what a subject wrote with what it should have written, as multisets of lines: order does not count,
// everything else does.
//
//   judge lines OUTPUT EXPECTED LINES PLANTED
//   judge marked OUTPUT MARKER LINES PLANTED
//   judge sequence OUTPUT DATAGRAMS
//
// lines: EXPECTED holds a line for each line of the corpus, an empty one where a rule drops it; LINES lines of the
// corpus were sent, from its beginning and round again. marked: for subjects that wrap each line, so that lines cannot
// be compared: LINES is the number that should have come, counted by the places where MARKER stands. PLANTED holds a
// value a line; none may begin in OUTPUT where no word goes on ("-" for none). sequence: for datagrams of udp_sender.c.
// Prints one JSON line: lines, lost, doubled, altered (lines that should not be there at all), leaked (planted values
// found).
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FNV_START 14695981039346656037u  // FNV-1a, 64 bits
#define FNV_PRIME 1099511628211u
#define PLANTED_BYTES_MAX 64

struct file {
  const char *begin, *end;
};

struct table {
  uint64_t* keys;  // 0: empty
  int64_t* counts;
  size_t mask;
};

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static struct file map(const char* path) {
  int fd = open(path, O_RDONLY);
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat) != 0) fail(path);
  if (stat.st_size == 0) return (struct file){"", ""};
  const char* begin = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (begin == MAP_FAILED) fail("mmap");
  close(fd);
  return (struct file){begin, begin + stat.st_size};
}

// The line at `*at`, without its end; moves `*at` behind it. NULL at the end.
static const char* nextLine(const char** at, const char* end, size_t* bytes) {
  if (*at >= end) return NULL;
  const char* line = *at;
  const char* lf = memchr(line, '\n', (size_t)(end - line));
  *at = lf == NULL ? end : lf + 1;
  *bytes = (size_t)((lf == NULL ? end : lf) - line);
  return line;
}

// Eight bytes a step: the hash of a line must cost less than what it checks. Never 0.
static uint64_t hashOf(const char* text, size_t bytes) {
  uint64_t hash = FNV_START ^ bytes;
  for (; bytes >= 8; text += 8, bytes -= 8) {
    uint64_t word;
    memcpy(&word, text, 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  for (; bytes > 0; text++, bytes--) hash = (hash ^ (unsigned char)*text) * FNV_PRIME;
  hash ^= hash >> 32;
  return hash == 0 ? 1 : hash;
}

static struct table makeTable(size_t entries) {
  size_t size = 1024;
  while (size < entries * 2) size *= 2;
  return (struct table){calloc(size, sizeof(uint64_t)), calloc(size, sizeof(int64_t)), size - 1};
}

static int64_t* find(struct table* table, uint64_t key, int add) {
  for (size_t at = key & table->mask;; at = (at + 1) & table->mask) {
    if (table->keys[at] == key) return &table->counts[at];
    if (table->keys[at] != 0) continue;
    if (!add) return NULL;
    table->keys[at] = key;
    return &table->counts[at];
  }
}

static size_t countLines(struct file file) {
  size_t lines = 0, bytes;
  for (const char* at = file.begin; nextLine(&at, file.end, &bytes) != NULL;) lines++;
  return lines;
}

static int isWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static uint64_t countPlanted(struct file output, const char* path) {
  if (strcmp(path, "-") == 0) return 0;
  struct file planted = map(path);
  struct table table = makeTable(countLines(planted));
  char lengths[PLANTED_BYTES_MAX + 1] = {0};
  size_t bytes, longest = 0;
  const char* value;
  for (const char* at = planted.begin; (value = nextLine(&at, planted.end, &bytes)) != NULL;) {
    if (bytes == 0 || bytes > PLANTED_BYTES_MAX) continue;
    uint64_t hash = FNV_START;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ (unsigned char)value[i]) * FNV_PRIME;
    *find(&table, hash, 1) = 1;
    lengths[bytes] = 1;
    if (bytes > longest) longest = bytes;
  }
  uint64_t found = 0;
  for (const char* at = output.begin; at < output.end; at++) {
    if (at > output.begin && isWord(at[-1])) continue;
    uint64_t hash = FNV_START;
    for (size_t i = 0; i < longest && at + i < output.end && at[i] != '\n'; i++) {
      hash = (hash ^ (unsigned char)at[i]) * FNV_PRIME;
      if (lengths[i + 1] && find(&table, hash, 0) != NULL) found++;
    }
  }
  return found;
}

static void report(int64_t lines, int64_t lost, int64_t doubled, int64_t altered, uint64_t leaked) {
  printf("{\"lines\":%lld,\"lost\":%lld,\"doubled\":%lld,\"altered\":%lld,\"leaked\":%llu}\n", (long long)lines,
         (long long)lost, (long long)doubled, (long long)altered, (unsigned long long)leaked);
}

static void judgeLines(struct file output, struct file expected, long sent, const char* planted) {
  size_t corpus = countLines(expected), bytes;
  struct table table = makeTable(corpus);
  long whole = corpus == 0 ? 0 : sent / (long)corpus, rest = corpus == 0 ? 0 : sent % (long)corpus, index = 0;
  const char* line;
  for (const char* at = expected.begin; (line = nextLine(&at, expected.end, &bytes)) != NULL; index++) {
    long times = whole + (index < rest);
    if (bytes > 0 && times > 0) *find(&table, hashOf(line, bytes), 1) += times;
  }
  int64_t lines = 0, altered = 0, lost = 0, doubled = 0;
  for (const char* at = output.begin; (line = nextLine(&at, output.end, &bytes)) != NULL; lines++) {
    int64_t* count = find(&table, hashOf(line, bytes), 0);
    if (count == NULL)
      altered++;
    else
      --*count;
  }
  for (size_t i = 0; i <= table.mask; i++) {
    if (table.counts[i] > 0) lost += table.counts[i];
    if (table.counts[i] < 0) doubled -= table.counts[i];
  }
  report(lines, lost, doubled, altered, countPlanted(output, planted));
}

static void judgeMarked(struct file output, const char* marker, long due, const char* planted) {
  int64_t lines = 0;
  size_t length = strlen(marker);
  for (const char* at = output.begin; (at = memmem(at, (size_t)(output.end - at), marker, length)) != NULL;
       at += length)
    lines++;
  report(lines, due > lines ? due - lines : 0, lines > due ? lines - due : 0, 0, countPlanted(output, planted));
}

static void judgeSequence(struct file output, long datagrams) {
  unsigned char* seen = calloc((size_t)datagrams + 1, 1);
  int64_t lines = 0, doubled = 0, altered = 0, lost = 0;
  for (const char* at = output.begin; (at = memmem(at, (size_t)(output.end - at), "seq=", 4)) != NULL;
       at += 4, lines++) {
    char digits[10] = {0};
    if (output.end - at < 13) break;
    memcpy(digits, at + 4, 9);
    long number = atol(digits);
    if (number < 0 || number >= datagrams)
      altered++;
    else if (seen[number]++)
      doubled++;
  }
  for (long i = 0; i < datagrams; i++) lost += !seen[i];
  report(lines, lost, doubled, altered, 0);
}

int main(int argc, char** argv) {
  if (argc == 6 && strcmp(argv[1], "lines") == 0) {
    judgeLines(map(argv[2]), map(argv[3]), atol(argv[4]), argv[5]);
  } else if (argc == 6 && strcmp(argv[1], "marked") == 0) {
    judgeMarked(map(argv[2]), argv[3], atol(argv[4]), argv[5]);
  } else if (argc == 4 && strcmp(argv[1], "sequence") == 0) {
    judgeSequence(map(argv[2]), atol(argv[3]));
  } else {
    fprintf(stderr, "usage: judge lines|marked|sequence OUTPUT …\n");
    return 2;
  }
  return 0;
}
