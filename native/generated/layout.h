// Written by scripts/generate.mjs from the tables in src/; do not edit. What each field means is said there.
#pragma once

#include <cstddef>
#include <cstdint>

// clang-format off
namespace streamgate {

// The first 1024 bytes of a ring's memory.
struct alignas(8) RingHeader {
  uint32_t magic;  // 0x31524753, 'SGR1'.
  uint32_t version;  // Layout version, 1.
  uint32_t capacity_bytes;  // Bytes after this header; a power of two.
  uint32_t slots;  // Most unread blocks.
  uint8_t reserved0[48];
  uint64_t tail;  // Claim cursor: position / 8 | sequence << 32. Producers compare-and-set it.
  uint8_t reserved1[56];
  uint64_t head;  // Read cursor, same form. Only the consumer stores it.
  uint8_t reserved2[56];
  int32_t wake;  // Incremented by a producer after each commit; what Atomics.waitAsync watches.
  uint32_t waiting;  // 1 while the consumer waits on `wake`; a producer notifies only then.
  uint32_t separates_sources;  // 1: the consumer asks where records came from, so a producer with several peers puts each one's into blocks of their own. The consumer stores it when its plan changes.
  uint8_t reserved3[52];
  uint64_t pushed_records;  // Records committed since the start (added by producers).
  uint64_t pushed_bytes;  // Record bytes committed since the start.
  uint8_t reserved4[48];
  uint64_t taken_records;  // Records taken by the consumer since the start.
  uint64_t taken_bytes;  // Record bytes taken since the start.
  uint64_t abandoned_claims;  // Claims of dead producers that the consumer skipped.
  uint64_t abandoned_bytes;  // Ring bytes in those claims.
  uint8_t reserved5[32];
  uint32_t producer_epochs[64];  // Current incarnation of each producer. The supervisor adds 1 when one dies; claims of older epochs are skipped.
  uint8_t reserved6[384];
};
static_assert(sizeof(RingHeader) == 1024);
static_assert(offsetof(RingHeader, magic) == 0);
static_assert(offsetof(RingHeader, version) == 4);
static_assert(offsetof(RingHeader, capacity_bytes) == 8);
static_assert(offsetof(RingHeader, slots) == 12);
static_assert(offsetof(RingHeader, tail) == 64);
static_assert(offsetof(RingHeader, head) == 128);
static_assert(offsetof(RingHeader, wake) == 192);
static_assert(offsetof(RingHeader, waiting) == 196);
static_assert(offsetof(RingHeader, separates_sources) == 200);
static_assert(offsetof(RingHeader, pushed_records) == 256);
static_assert(offsetof(RingHeader, pushed_bytes) == 264);
static_assert(offsetof(RingHeader, taken_records) == 320);
static_assert(offsetof(RingHeader, taken_bytes) == 328);
static_assert(offsetof(RingHeader, abandoned_claims) == 336);
static_assert(offsetof(RingHeader, abandoned_bytes) == 344);
static_assert(offsetof(RingHeader, producer_epochs) == 384);

// What every block in a ring starts with. After it: u32 lengths[records], padded to 8 bytes; then the records, each followed by one LF that its length does not count.
struct alignas(8) BlockHeader {
  int32_t length;  // Bytes of the whole block, header and padding included; negative while it is filled.
  uint16_t kind;  // blockKind.
  uint16_t producer;  // Index into producerEpochs.
  uint32_t epoch;  // The producer's epoch when it claimed.
  uint32_t records;  // Records in the block.
  uint32_t body_bytes;  // Bytes of the records, their LFs included.
  uint8_t transport;  // How they came: transport.
  uint8_t family;  // 4 or 6: the version of `address`; 0: unknown or several sources.
  uint16_t port;  // The peer's port.
  double received_at_ms;  // Milliseconds since 1970 when the last byte arrived.
  uint8_t address[16];  // The peer's address, network order; IPv4 in the first four bytes.
  uint8_t reserved0[16];
};
static_assert(sizeof(BlockHeader) == 64);
static_assert(offsetof(BlockHeader, length) == 0);
static_assert(offsetof(BlockHeader, kind) == 4);
static_assert(offsetof(BlockHeader, producer) == 6);
static_assert(offsetof(BlockHeader, epoch) == 8);
static_assert(offsetof(BlockHeader, records) == 12);
static_assert(offsetof(BlockHeader, body_bytes) == 16);
static_assert(offsetof(BlockHeader, transport) == 20);
static_assert(offsetof(BlockHeader, family) == 21);
static_assert(offsetof(BlockHeader, port) == 22);
static_assert(offsetof(BlockHeader, received_at_ms) == 24);
static_assert(offsetof(BlockHeader, address) == 32);

// The first 64 bytes of a batch.
struct alignas(8) BatchHeader {
  uint32_t records_max;  // Entries that fit the index.
  uint32_t bytes_max;  // Bytes that fit behind the index.
  uint32_t records;  // Entries written so far.
  uint32_t bytes;  // Bytes written so far, LFs included.
  uint32_t holders;  // Ranges of it that native threads still read; only the addon writes it, atomically.
  uint8_t reserved0[44];
};
static_assert(sizeof(BatchHeader) == 64);
static_assert(offsetof(BatchHeader, records_max) == 0);
static_assert(offsetof(BatchHeader, bytes_max) == 4);
static_assert(offsetof(BatchHeader, records) == 8);
static_assert(offsetof(BatchHeader, bytes) == 12);
static_assert(offsetof(BatchHeader, holders) == 16);

// One surviving record.
struct alignas(8) BatchEntry {
  uint32_t offset;  // From the start of the batch's bytes.
  uint32_t length;  // Without the LF.
  uint32_t routes_low;  // Bit n: goes to output n, outputs 0 to 31.
  uint32_t routes_high;  // Outputs 32 to 63.
};
static_assert(sizeof(BatchEntry) == 16);
static_assert(offsetof(BatchEntry, offset) == 0);
static_assert(offsetof(BatchEntry, length) == 4);
static_assert(offsetof(BatchEntry, routes_low) == 8);
static_assert(offsetof(BatchEntry, routes_high) == 12);

// The first 32 bytes of a buffer of withheld records.
struct alignas(8) WithheldHeader {
  uint32_t bytes_max;  // Bytes that fit behind this header; a multiple of 8.
  uint32_t bytes;  // Bytes of entries written so far; a multiple of 8.
  uint32_t records;  // Entries written so far.
  uint32_t need_bytes;  // What the engine stopped at: bytes of the entry that found no room; 0: none.
  uint8_t reserved0[16];
};
static_assert(sizeof(WithheldHeader) == 32);
static_assert(offsetof(WithheldHeader, bytes_max) == 0);
static_assert(offsetof(WithheldHeader, bytes) == 4);
static_assert(offsetof(WithheldHeader, records) == 8);
static_assert(offsetof(WithheldHeader, need_bytes) == 12);

// In front of one withheld record.
struct alignas(8) WithheldEntry {
  double received_at_ms;  // Milliseconds since 1970; 0: unknown.
  uint8_t address[16];  // The peer's address, network order; IPv4 in the first four bytes.
  uint32_t length;  // Bytes of the record.
  uint32_t rule;  // The rule that could not finish it, by its number in the plan.
  uint8_t transport;  // How it came: transport.
  uint8_t family;  // 4 or 6: the version of `address`; 0: unknown.
  uint8_t cause;  // quarantineCause.
  uint8_t reserved0[5];
};
static_assert(sizeof(WithheldEntry) == 40);
static_assert(offsetof(WithheldEntry, received_at_ms) == 0);
static_assert(offsetof(WithheldEntry, address) == 8);
static_assert(offsetof(WithheldEntry, length) == 24);
static_assert(offsetof(WithheldEntry, rule) == 28);
static_assert(offsetof(WithheldEntry, transport) == 32);
static_assert(offsetof(WithheldEntry, family) == 33);
static_assert(offsetof(WithheldEntry, cause) == 34);

// The first 64 bytes of a segment of the spool.
struct alignas(8) SegmentHeader {
  uint32_t magic;  // 0x31534753, 'SGS1'.
  uint32_t version;  // spoolVersion.
  uint32_t crc;  // CRC32C of these 64 bytes with this field 0.
  uint32_t epoch;  // Random, of the lane's opening that wrote the segment; every group in it has the same.
  uint64_t first_sequence;  // Of its first group, as in the file's name.
  double created_ms;  // Milliseconds since 1970.
  uint8_t reserved0[32];
};
static_assert(sizeof(SegmentHeader) == 64);
static_assert(offsetof(SegmentHeader, magic) == 0);
static_assert(offsetof(SegmentHeader, version) == 4);
static_assert(offsetof(SegmentHeader, crc) == 8);
static_assert(offsetof(SegmentHeader, epoch) == 12);
static_assert(offsetof(SegmentHeader, first_sequence) == 16);
static_assert(offsetof(SegmentHeader, created_ms) == 24);

// What every group of the spool starts with.
struct alignas(8) GroupHeader {
  uint32_t magic;  // 0x31474753, 'SGG1'.
  uint32_t header_crc;  // CRC32C of these 64 bytes with this field 0.
  uint32_t body_crc;  // CRC32C of reason and body.
  uint32_t body_bytes;  // recordBytes + 4 × records.
  uint32_t records;  // At least 1.
  uint32_t record_bytes;  // Without lengths.
  uint32_t reason_bytes;  // Between header and body; dead letters only.
  uint32_t epoch;  // The segment's.
  uint64_t first_sequence;  // Of its first record.
  uint64_t prior_sequence;  // One past the last record that the lane had taken before.
  uint64_t protection;  // Identity of the protect rules that its records have passed.
  double time_ms;  // When its first record was received, milliseconds since 1970.
};
static_assert(sizeof(GroupHeader) == 64);
static_assert(offsetof(GroupHeader, magic) == 0);
static_assert(offsetof(GroupHeader, header_crc) == 4);
static_assert(offsetof(GroupHeader, body_crc) == 8);
static_assert(offsetof(GroupHeader, body_bytes) == 12);
static_assert(offsetof(GroupHeader, records) == 16);
static_assert(offsetof(GroupHeader, record_bytes) == 20);
static_assert(offsetof(GroupHeader, reason_bytes) == 24);
static_assert(offsetof(GroupHeader, epoch) == 28);
static_assert(offsetof(GroupHeader, first_sequence) == 32);
static_assert(offsetof(GroupHeader, prior_sequence) == 40);
static_assert(offsetof(GroupHeader, protection) == 48);
static_assert(offsetof(GroupHeader, time_ms) == 56);

// What a scan of a segment found; `holes` × 3 u64 follow.
struct alignas(8) SegmentScan {
  uint32_t state;  // segmentState.
  uint32_t version;  // As the header says.
  uint32_t epoch;  // The header's; where that is damaged the first good group's.
  uint32_t holes;  // Ranges of sequences that are missing: from, to, record bytes as far as known.
  uint64_t found;  // Good groups.
  uint64_t groups;  // Of these, those that end behind `passed`: held.
  uint64_t records;  // Of what is held.
  uint64_t bytes;  // Record bytes of what is held.
  uint64_t read_offset;  // Where the first held group starts.
  uint64_t read_sequence;  // Its first sequence.
  uint64_t end_offset;  // Where the last good group ends.
  uint64_t end_sequence;  // One past its last record; of none: `expected`.
  uint64_t tail_sequence;  // End of a whole group behind it whose body is damaged; 0: none.
  uint64_t tail_bytes;  // Record bytes of such groups.
  double oldest_ms;  // Least time of what is held.
  double newest_ms;  // Greatest.
  uint8_t reserved0[16];
};
static_assert(sizeof(SegmentScan) == 128);
static_assert(offsetof(SegmentScan, state) == 0);
static_assert(offsetof(SegmentScan, version) == 4);
static_assert(offsetof(SegmentScan, epoch) == 8);
static_assert(offsetof(SegmentScan, holes) == 12);
static_assert(offsetof(SegmentScan, found) == 16);
static_assert(offsetof(SegmentScan, groups) == 24);
static_assert(offsetof(SegmentScan, records) == 32);
static_assert(offsetof(SegmentScan, bytes) == 40);
static_assert(offsetof(SegmentScan, read_offset) == 48);
static_assert(offsetof(SegmentScan, read_sequence) == 56);
static_assert(offsetof(SegmentScan, end_offset) == 64);
static_assert(offsetof(SegmentScan, end_sequence) == 72);
static_assert(offsetof(SegmentScan, tail_sequence) == 80);
static_assert(offsetof(SegmentScan, tail_bytes) == 88);
static_assert(offsetof(SegmentScan, oldest_ms) == 96);
static_assert(offsetof(SegmentScan, newest_ms) == 104);

enum class BlockKind : uint16_t {
  kRecords = 1,
  kPadding = 2,
};

enum class Transport : uint8_t {
  kTcp = 0,
  kUdp = 1,
  kStdin = 2,
  kUnknown = 3,
  kTls = 4,
};

enum class FramingKind : uint32_t {
  kAuto = 0,
  kNewline = 1,
  kOctet = 2,
  kNul = 3,
  kLength32 = 4,
  kDelimiter = 5,
  kDatagram = 6,
};

enum class OperationCode : uint16_t {
  kDropLiteral = 1,
  kDropPattern = 2,
  kReplacePattern = 3,
  kDropAttribute = 4,
  kDrop = 5,
  kRedact = 6,
  kSample = 7,
  kDedupe = 8,
  kThrottle = 9,
  kRoute = 10,
};

enum class OperationFlag : uint16_t {
  kProtect = 1,
  kLimited = 2,
  kShadow = 4,
};

enum class AttributeOperator : uint8_t {
  kEquals = 0,
  kContains = 1,
  kRegex = 2,
  kStartsWith = 3,
  kEndsWith = 4,
  kDiffers = 5,
  kExists = 6,
  kGreater = 7,
  kLess = 8,
};

enum class ThrottleKey : uint8_t {
  kAll = 0,
  kSource = 1,
  kAttribute = 2,
};

enum class ConditionCode : uint16_t {
  kAll = 1,
  kAny = 2,
  kNot = 3,
  kLiteral = 4,
  kPattern = 5,
  kAttribute = 6,
  kSeverity = 7,
  kSyslog = 8,
  kSource = 9,
  kTransport = 10,
  kTime = 11,
};

enum class Severity : uint8_t {
  kUnknown = 0,
  kTrace = 1,
  kDebug = 2,
  kInfo = 3,
  kWarn = 4,
  kError = 5,
  kFatal = 6,
};

enum class SyslogField : uint8_t {
  kSeverity = 0,
  kFacility = 1,
  kVersion = 2,
  kTime = 3,
  kHost = 4,
  kApp = 5,
  kProcid = 6,
  kMsgid = 7,
  kSd = 8,
  kParam = 9,
  kMessage = 10,
};

enum class RunResult : uint32_t {
  kEmpty = 0,
  kDone = 1,
  kBatchFull = 2,
  kRingFull = 3,
};

enum class StopCause : uint32_t {
  kNone = 0,
  kBatchFull = 1,
  kRingFull = 2,
};

enum class ShardKeyKind : uint32_t {
  kSource = 0,
  kAttribute = 1,
  kSyslog = 2,
};

enum class EncodeStop : uint32_t {
  kNone = 0,
  kFull = 1,
  kRecordTooLarge = 2,
};

enum class FrameTime : uint32_t {
  kNone = 0,
  kMs = 1,
  kS = 2,
};

enum class ObjectMode : uint32_t {
  kString = 0,
  kValue = 1,
  kMerge = 2,
};

enum class QuarantineCause : uint32_t {
  kNone = 0,
  kMatchLimit = 1,
  kOutputLimit = 2,
};

enum class CountCell : uint32_t {
  kReceivedRecords = 0,
  kReceivedBytes = 1,
  kPassedRecords = 2,
  kPassedBytes = 3,
  kWrittenBytes = 4,
  kQuarantinedMatchLimitRecords = 5,
  kQuarantinedMatchLimitBytes = 6,
  kQuarantinedOutputLimitRecords = 7,
  kQuarantinedOutputLimitBytes = 8,
  kCreatedRecords = 9,
  kCreatedBytes = 10,
  kReceivedByTransport = 11,
};

enum class SelectorCell : uint32_t {
  kRecords = 0,
  kValues = 1,
};

enum class FrameCell : uint32_t {
  kLostOversizeRecords = 0,
  kLostOversizeBytes = 1,
  kLostFrameRecords = 2,
  kLostFrameBytes = 3,
  kCutRecords = 4,
};

enum class RuleCell : uint32_t {
  kDroppedRecords = 0,
  kDroppedBytes = 1,
  kChangedRecords = 2,
  kReplacements = 3,
  kQuarantinedRecords = 4,
  kQuarantinedBytes = 5,
  kSummaryRecords = 6,
  kSummaryBytes = 7,
  kSampledWeight = 8,
  kKeyBuckets = 9,
};

enum class RouteCell : uint32_t {
  kFilteredRecords = 0,
  kFilteredBytes = 1,
};

enum class SegmentState : uint32_t {
  kGood = 0,
  kHeaderDamaged = 1,
  kUnknownVersion = 2,
};

constexpr const char* kSyslogSeverities[] = {
  "emerg",
  "alert",
  "crit",
  "err",
  "warning",
  "notice",
  "info",
  "debug",
};

constexpr const char* kSyslogFacilities[] = {
  "kern",
  "user",
  "mail",
  "daemon",
  "auth",
  "syslog",
  "lpr",
  "news",
  "uucp",
  "cron",
  "authpriv",
  "ftp",
  "ntp",
  "audit",
  "alert",
  "clock",
  "local0",
  "local1",
  "local2",
  "local3",
  "local4",
  "local5",
  "local6",
  "local7",
};

constexpr uint32_t kBlockAlignment = 8;
constexpr uint32_t kProducersMax = 64;
constexpr uint32_t kRingMagic = 827475795;
constexpr uint32_t kRingVersion = 1;
constexpr uint32_t kPlanMagic = 860899155;
constexpr uint32_t kAttributeKeysMax = 100;
constexpr uint32_t kAttributeNumberBytesMax = 64;
constexpr uint32_t kConditionDepthMax = 32;
constexpr uint32_t kSyslogPathMark = 4294967295;
constexpr uint32_t kReduceMemoryBytesMin = 65536;
constexpr uint32_t kReduceMemoryBytesMax = 1073741824;
constexpr uint32_t kReduceTextBytesMax = 8192;
constexpr uint32_t kThrottleTokensMax = 1000000000;
constexpr uint32_t kSampleWeightMax = 1000000000;
constexpr uint32_t kSeverities = 7;
constexpr uint32_t kOutputsMax = 64;
constexpr uint32_t kTransportsCounted = 8;
constexpr uint32_t kCountCellsFixed = 32;
constexpr uint32_t kCountCellsPerRule = 10;
constexpr uint32_t kCountCellsPerRoute = 2;
constexpr uint32_t kCountCellsPerSelector = 2;
constexpr uint32_t kFrameCells = 8;
constexpr uint32_t kMatchBudgetBytes = 1073741824;
constexpr uint32_t kDecodeDepthMax = 4;
constexpr uint32_t kOutputGrowthFactor = 4;
constexpr uint32_t kOutputGrowthBytes = 65536;
constexpr uint32_t kJsonDepthMax = 512;
constexpr uint32_t kEffectServicesMax = 64;
constexpr uint32_t kEffectExamplesMax = 20;
constexpr uint32_t kEffectExampleBytesMax = 2048;
constexpr uint32_t kWatchedRecordsMax = 16;
constexpr uint32_t kWatchedRecordBytesMax = 4096;
constexpr uint32_t kSpoolVersion = 1;
constexpr uint32_t kSegmentMagic = 827541331;
constexpr uint32_t kGroupMagic = 826754899;
constexpr uint32_t kReasonBytesMax = 1000;

}  // namespace streamgate
