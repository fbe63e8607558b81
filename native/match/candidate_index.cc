// See candidate_index.h.
#include "match/candidate_index.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "match/sample.h"
#include "scan/dispatch.h"

namespace streamgate {
namespace {

// Rough costs in nanoseconds of a 3 GHz core; only their proportions matter. A candidate costs a branch that is guessed
// wrongly, and a comparison.
constexpr double kLookupCost = 0.4;
constexpr double kCandidateCost = 8;
constexpr double kCompareCost = 1;
constexpr double kBucketsByteCost = 0.01;
constexpr double kProbeByteCost = 0.015;
constexpr double kRunByteCost = 0.02;
// More grams of one window at one alignment fill the table for everybody.
constexpr size_t kGramsMax = 128;
// Of all windows: 12 bytes of memory each, and a table that is full finds everything.
constexpr size_t kGramsTotalMax = 1 << 20;
// Furthest distance between two probes that is tried.
constexpr size_t kSpreadMax = 12;
// Windows by which probes are chosen, where there are more: choosing costs time for each.
constexpr size_t kChoosingMax = 64;

const std::array<double, 256>& Shares() {
  static const std::array<double, 256> shares = [] {
    std::array<double, 256> list;
    for (unsigned byte = 0; byte < 256; ++byte) list[byte] = ByteSet::Of(static_cast<uint8_t>(byte)).Frequency();
    return list;
  }();
  return shares;
}

// A set as two shuffles see it: all bytes whose halves both belong to a member.
struct Halves {
  uint16_t low = 0;
  uint16_t high = 0;

  static Halves Of(const ByteSet& set) {
    Halves halves;
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (!set.Has(static_cast<uint8_t>(byte))) continue;
      halves.low = static_cast<uint16_t>(halves.low | 1u << (byte & 15));
      halves.high = static_cast<uint16_t>(halves.high | 1u << (byte >> 4));
    }
    return halves;
  }
  static Halves Any() { return {0xffff, 0xffff}; }
  Halves With(const Halves& other) const {
    return {static_cast<uint16_t>(low | other.low), static_cast<uint16_t>(high | other.high)};
  }
  bool Has(uint8_t byte) const { return (low >> (byte & 15) & high >> (byte >> 4) & 1) != 0; }
  double Share() const;
};

// Of the bytes with each high half, the share of those whose low halves are in a mask, by the mask's bytes.
class HalfShares {
 public:
  HalfShares() {
    for (unsigned byte = 0; byte < 256; ++byte)
      for (unsigned mask = 0; mask < 256; ++mask)
        if ((mask >> (byte & 7) & 1) != 0) shares_[byte >> 4][byte >> 3 & 1][mask] += Shares()[byte];
  }
  double Of(const Halves& halves) const {
    double share = 0;
    for (unsigned high = 0; high < 16; ++high)
      if ((halves.high >> high & 1) != 0)
        share += shares_[high][0][halves.low & 0xff] + shares_[high][1][halves.low >> 8];
    return std::min(share, 1.0);
  }

 private:
  double shares_[16][2][256] = {};
};

double Halves::Share() const {
  static const HalfShares shares;
  return shares.Of(*this);
}

// One bit for each place of the sample.
constexpr size_t kSampleWords = (kSampleLines.size() + 63) / 64;
using Places = std::array<uint64_t, kSampleWords>;

// Of each half of a byte the places that have it.
struct PlacesByHalf {
  Places low[16] = {};
  Places high[16] = {};

  PlacesByHalf() {
    for (size_t i = 0; i < kSampleLines.size(); ++i) {
      const auto byte = static_cast<uint8_t>(kSampleLines[i]);
      low[byte & 15][i / 64] |= uint64_t{1} << (i % 64);
      high[byte >> 4][i / 64] |= uint64_t{1} << (i % 64);
    }
  }
};

Places PlacesOf(const Halves& halves) {
  static const PlacesByHalf by_half;
  Places low = {};
  Places places = {};
  for (unsigned half = 0; half < 16; ++half) {
    const bool has_low = (halves.low >> half & 1) != 0;
    const bool has_high = (halves.high >> half & 1) != 0;
    for (size_t i = 0; i < kSampleWords && has_low; ++i) low[i] |= by_half.low[half][i];
    for (size_t i = 0; i < kSampleWords && has_high; ++i) places[i] |= by_half.high[half][i];
  }
  for (size_t i = 0; i < kSampleWords; ++i) places[i] &= low[i];
  return places;
}

// Keeps the places `distance` bytes behind which `others` has one. distance < 64.
void KeepWhere(Places* places, const Places& others, size_t distance) {
  for (size_t i = 0; i < kSampleWords; ++i) {
    uint64_t word = others[i] >> distance;
    if (distance > 0 && i + 1 < kSampleWords) word |= others[i + 1] << (64 - distance);
    (*places)[i] &= word;
  }
}

double ShareOf(const Places& places) {
  int count = 0;
  for (const uint64_t word : places) count += __builtin_popcountll(word);
  return count / static_cast<double>(kSampleLines.size());
}

// A window, with what choosing its probes needs of each of its bytes.
struct Probed {
  const Window* window;
  std::vector<Halves> halves;
  std::vector<Places> places;
  std::vector<double> shares;

  explicit Probed(const Window* of) : window(of) {
    for (const ByteSet& set : of->sets()) {
      halves.push_back(Halves::Of(set));
      places.push_back(PlacesOf(halves.back()));
      shares.push_back(halves.back().Share());
    }
  }

  // Share of places at which probes at these offsets fit, if the first looks at byte `shift`.
  double Density(const uint8_t* offsets, size_t probes, size_t shift) const {
    Places fits = places[shift];
    double share = shares[shift];
    for (size_t i = 1; i < probes; ++i) {
      const size_t at = shift + offsets[i];
      if (at >= halves.size()) continue;
      KeepWhere(&fits, places[at], offsets[i]);
      share *= shares[at];
    }
    return ShareOf(fits) + share;
  }
  size_t BestShift(const uint8_t* offsets, size_t probes, double* density) const {
    size_t best = 0;
    *density = 3;
    for (size_t shift = 0; shift < halves.size(); ++shift) {
      const double here = Density(offsets, probes, shift);
      if (here < *density) {
        *density = here;
        best = shift;
      }
    }
    return best;
  }
};

// What folding makes of sets and of the sample.
struct Folding {
  std::vector<uint8_t> values;       // all that there are
  std::array<double, 256> shares{};  // of each value
  std::unordered_map<uint32_t, double> sample;

  Folding() {
    for (unsigned byte = 0; byte < 256; ++byte) {
      const uint8_t folded = GramTable::Folded(static_cast<uint8_t>(byte));
      if (std::find(values.begin(), values.end(), folded) == values.end()) values.push_back(folded);
      shares[folded] += Shares()[byte];
    }
    uint32_t gram = 0;
    for (const char c : kSampleLines) {
      gram = gram >> 8 | uint32_t{GramTable::Folded(static_cast<uint8_t>(c))} << 24;
      sample[gram] += 1.0 / static_cast<double>(kSampleLines.size());
    }
  }
  static const Folding& Get() {
    static const Folding folding;
    return folding;
  }
};

std::vector<uint8_t> FoldedOf(const ByteSet& set) {
  std::vector<uint8_t> folded;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (!set.Has(static_cast<uint8_t>(byte))) continue;
    const uint8_t value = GramTable::Folded(static_cast<uint8_t>(byte));
    if (std::find(folded.begin(), folded.end(), value) == folded.end()) folded.push_back(value);
  }
  return folded;
}

// All grams that a window may show `shift` bytes behind its start. Empty: more than kGramsMax.
std::vector<uint32_t> GramsOf(const std::vector<std::vector<uint8_t>>& folded, size_t shift) {
  std::vector<uint32_t> grams = {0};
  for (size_t i = 0; i < 4; ++i) {
    const std::vector<uint8_t>& values = shift + i < folded.size() ? folded[shift + i] : Folding::Get().values;
    if (grams.size() * values.size() > kGramsMax) return {};
    std::vector<uint32_t> longer;
    for (const uint32_t gram : grams)
      for (const uint8_t value : values) longer.push_back(gram | uint32_t{value} << (8 * i));
    grams = std::move(longer);
  }
  return grams;
}

// Share of places at which one of the grams stands, or another one that has its bit.
double DensityOf(const std::vector<uint32_t>& grams) {
  const Folding& folding = Folding::Get();
  double density = static_cast<double>(grams.size()) / (8.0 * GramTable::kSlots);
  for (const uint32_t gram : grams) {
    double share = 1;
    for (int i = 0; i < 4; ++i) share *= folding.shares[gram >> (8 * i) & 0xff];
    const auto found = folding.sample.find(gram);
    density += share + (found == folding.sample.end() ? 0 : found->second);
  }
  return density;
}

}  // namespace

CandidateIndex::Entry::Entry(const Placed& placed, size_t shift_bytes, uint32_t of_gram)
    : window(placed.window),
      window_bytes(static_cast<uint32_t>(placed.window->size())),
      step(placed.step),
      decides(placed.decides),
      shift(static_cast<uint32_t>(shift_bytes)),
      gram(of_gram) {
  const std::vector<ByteSet>& sets = window->sets();
  std::vector<uint8_t> masks;
  std::vector<uint8_t> values;
  bool exact = true;
  for (const ByteSet& set : sets) {
    uint8_t ones = 0xff;
    uint8_t zeros = 0xff;
    int members = 0;
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (!set.Has(static_cast<uint8_t>(byte))) continue;
      ones = static_cast<uint8_t>(ones & byte);
      zeros = static_cast<uint8_t>(zeros & ~byte);
      ++members;
    }
    masks.push_back(ones | zeros);
    values.push_back(ones);
    exact = exact && members == 1 << (8 - __builtin_popcount(masks.back()));
  }
  const auto bits_from = [&masks](size_t at) {
    int bits = 0;
    for (size_t i = at; i < std::min(at + 8, masks.size()); ++i) bits += __builtin_popcount(masks[i]);
    return bits;
  };
  for (uint32_t at = 1; at + 8 <= masks.size(); ++at)
    if (bits_from(at) > bits_from(quick_at)) quick_at = at;
  uint8_t mask[8] = {};
  uint8_t value[8] = {};
  for (size_t i = 0; i < 8 && quick_at + i < masks.size(); ++i) {
    mask[i] = masks[quick_at + i];
    value[i] = values[quick_at + i];
  }
  std::memcpy(&quick_mask, mask, sizeof mask);
  std::memcpy(&quick_value, value, sizeof value);
  whole = exact && sets.size() <= 8;
}

inline bool CandidateIndex::Entry::FitsAround(const uint8_t* place, const uint8_t* from, const uint8_t* to,
                                              const uint8_t* end) const {
  if (static_cast<size_t>(place - from) < shift) return false;
  const uint8_t* const start = place - shift;
  if (static_cast<size_t>(to - start) < window->size()) return false;
  if (static_cast<size_t>(end - start) >= quick_at + sizeof quick_mask) {
    uint64_t bytes;
    std::memcpy(&bytes, start + quick_at, sizeof bytes);
    if ((bytes & quick_mask) != quick_value) return false;
    if (whole) return true;
  }
  return window->FitsAt(start);
}

// How far a run's members are known to go on.
struct CandidateScan::KnownRun {
  const CandidateIndex::Entry* entry = nullptr;
  // Members from `from` up to `to`; the byte there is none, or not looked at.
  const uint8_t* from = nullptr;
  const uint8_t* to = nullptr;

  bool Fits(const CandidateIndex::Entry& of, const uint8_t* place, const uint8_t* end) {
    if (static_cast<size_t>(end - place) < of.window_bytes) return false;
    if (entry != &of || place < from || place > to) {
      entry = &of;
      from = to = place;
    }
    const ByteSet& set = of.window->sets().front();
    while (to < place + of.window_bytes && set.Has(*to)) ++to;
    return to >= place + of.window_bytes;
  }
};

CandidateIndex::CandidateIndex(const std::vector<Requirement>& requirements) : steps_(requirements.size()) {
  std::vector<Placed> windows;
  std::vector<Placed> runs;
  for (size_t step = 0; step < steps_; ++step) {
    if (requirements[step].prefilter == nullptr) continue;
    for (const Prefilter::Factor& factor : requirements[step].prefilter->factors()) {
      const bool run = factor.window.is_run() && factor.window.size() >= BucketTables::kRunBytesMin;
      (run ? runs : windows).push_back({&factor.window, static_cast<uint32_t>(step), requirements[step].decides});
    }
  }
  empty_ = windows.empty() && runs.empty();
  if (empty_) return;
  AddBuckets(windows, runs, &design_);
  if (windows.size() <= 1) return;
  for (const uint8_t stride : {uint8_t{4}, uint8_t{2}}) {
    Design other;
    std::vector<Placed> left;
    AddGrams(windows, stride, &other, &left);
    if (other.grams == nullptr) continue;
    if (!left.empty() || !runs.empty()) AddBuckets(left, runs, &other);
    if (other.cost < design_.cost) design_ = std::move(other);
  }
}

void CandidateIndex::AddGrams(const std::vector<Placed>& windows, uint8_t stride, Design* design,
                              std::vector<Placed>* left) {
  auto grams = std::make_unique<Grams>();
  std::vector<Entry>& entries = grams->entries;
  grams->table.stride = stride;
  double density = 0;
  for (const Placed& placed : windows) {
    std::vector<std::vector<uint8_t>> folded;
    for (const ByteSet& set : placed.window->sets()) folded.push_back(FoldedOf(set));
    std::vector<Entry> own;
    double own_density = 0;
    bool fits = true;
    // Wherever the window lies, one of every `stride` of its bytes begins a gram.
    for (size_t phase = 0; phase < stride && fits; ++phase) {
      std::vector<uint32_t> best;
      size_t best_shift = 0;
      double best_density = 0;
      for (size_t shift = phase; shift < folded.size(); shift += stride) {
        std::vector<uint32_t> here = GramsOf(folded, shift);
        if (here.empty()) continue;
        const double here_density = DensityOf(here);
        if (!best.empty() && here_density >= best_density) continue;
        best = std::move(here);
        best_shift = shift;
        best_density = here_density;
      }
      fits = !best.empty();
      for (const uint32_t gram : best) own.emplace_back(placed, best_shift, gram);
      own_density += best_density;
    }
    if (!fits || entries.size() + own.size() > kGramsTotalMax) {
      left->push_back(placed);
      continue;
    }
    density += own_density;
    entries.insert(entries.end(), own.begin(), own.end());
  }
  if (entries.empty()) return;
  const auto slot_of = [](const Entry& entry) { return GramTable::Slot(GramTable::Hash(entry.gram)); };
  std::stable_sort(entries.begin(), entries.end(),
                   [slot_of](const Entry& a, const Entry& b) { return slot_of(a) < slot_of(b); });
  grams->slot_begin.assign(GramTable::kSlots + 1, 0);
  for (const Entry& entry : entries) {
    ++grams->slot_begin[slot_of(entry) + 1];
    grams->table.bits[slot_of(entry)] |= GramTable::Bit(GramTable::Hash(entry.gram));
  }
  for (size_t slot = 0; slot < GramTable::kSlots; ++slot) grams->slot_begin[slot + 1] += grams->slot_begin[slot];
  design->cost += (kLookupCost + kCandidateCost * std::min(density, 1.0)) / stride;
  design->grams = std::move(grams);
}

// Windows that share a bucket: what its probes take, and how often that fits.
struct CandidateIndex::Group {
  Halves sets[BucketTables::kProbesMax];
  std::vector<Entry> entries;
  double cost = 0;

  Group(const Placed& placed, const uint8_t* offsets, size_t probes) {
    const Probed window(placed.window);
    double density;
    const size_t shift = window.BestShift(offsets, probes, &density);
    for (size_t k = 0; k < BucketTables::kProbesMax; ++k) {
      const bool inside = k < probes && shift + offsets[k] < window.halves.size();
      sets[k] = inside ? window.halves[shift + offsets[k]] : Halves::Any();
    }
    entries.emplace_back(placed, shift, 0);
    Weigh(offsets, probes);
  }
  // Runs of one set, of which `shortest` is found. Their cost is no choice.
  Group(const std::vector<Placed>& runs, const Window* shortest) {
    sets[0] = Halves::Of(shortest->sets().front());
    for (size_t k = 1; k < BucketTables::kProbesMax; ++k) sets[k] = Halves::Any();
    for (const Placed& run : runs) entries.emplace_back(run, 0, 0);
  }
  // What the two would cost together.
  double CostWith(const Group& other, const uint8_t* offsets, size_t probes) const {
    Group both(*this, other);
    both.Weigh(offsets, probes, entries.size() + other.entries.size());
    return both.cost;
  }
  void Take(Group&& other, const uint8_t* offsets, size_t probes) {
    for (size_t k = 0; k < BucketTables::kProbesMax; ++k) sets[k] = sets[k].With(other.sets[k]);
    entries.insert(entries.end(), other.entries.begin(), other.entries.end());
    Weigh(offsets, probes, entries.size());
  }

 private:
  // The sets alone.
  Group(const Group& a, const Group& b) {
    for (size_t k = 0; k < BucketTables::kProbesMax; ++k) sets[k] = a.sets[k].With(b.sets[k]);
  }
  void Weigh(const uint8_t* offsets, size_t probes, size_t windows = 1) {
    Places fits = PlacesOf(sets[0]);
    double share = sets[0].Share();
    for (size_t k = 1; k < probes; ++k) {
      KeepWhere(&fits, PlacesOf(sets[k]), offsets[k]);
      share *= sets[k].Share();
    }
    cost = (share + ShareOf(fits)) * (kCandidateCost + kCompareCost * static_cast<double>(windows));
  }
};

std::vector<CandidateIndex::Group> CandidateIndex::Joined(std::vector<Group> groups, size_t most,
                                                          const uint8_t* offsets, size_t probes) {
  // Those of which the choice takes time each join what they cost least with.
  std::vector<Group> late;
  if (groups.size() > std::max(kChoosingMax, most)) {
    late.assign(groups.begin() + static_cast<long>(kChoosingMax), groups.end());
    groups.erase(groups.begin() + static_cast<long>(kChoosingMax), groups.end());
  }
  // What joining two adds; only those with the group that was joined last are reckoned anew.
  std::vector<std::vector<double>> added(groups.size(), std::vector<double>(groups.size()));
  const auto reckon = [&](size_t a, size_t b) {
    added[std::max(a, b)][std::min(a, b)] =
        groups[a].CostWith(groups[b], offsets, probes) - groups[a].cost - groups[b].cost;
  };
  if (groups.size() > most)
    for (size_t a = 1; a < groups.size(); ++a)
      for (size_t b = 0; b < a; ++b) reckon(a, b);
  while (groups.size() > most) {
    size_t best_a = 1;
    size_t best_b = 0;
    for (size_t a = 1; a < groups.size(); ++a)
      for (size_t b = 0; b < a; ++b)
        if (added[a][b] < added[best_a][best_b]) {
          best_a = a;
          best_b = b;
        }
    groups[best_b].Take(std::move(groups[best_a]), offsets, probes);
    // The last one takes the place of the one that is gone.
    const size_t last = groups.size() - 1;
    if (best_a != last) {
      groups[best_a] = std::move(groups[last]);
      for (size_t i = 0; i < last; ++i)
        if (i != best_a) added[std::max(i, best_a)][std::min(i, best_a)] = added[last][i];
    }
    groups.pop_back();
    for (size_t i = 0; i < groups.size(); ++i)
      if (i != best_b) reckon(i, best_b);
  }
  for (Group& group : late) {
    size_t best = 0;
    double least = -1;
    for (size_t i = 0; i < groups.size(); ++i) {
      const double more = groups[i].CostWith(group, offsets, probes) - groups[i].cost;
      if (least >= 0 && more >= least) continue;
      least = more;
      best = i;
    }
    groups[best].Take(std::move(group), offsets, probes);
  }
  return groups;
}

void CandidateIndex::AddBuckets(const std::vector<Placed>& windows, const std::vector<Placed>& runs, Design* design) {
  BucketTables tables = {};
  std::vector<Placed> others = windows;
  // Runs of the same set share a bucket; what finds no bucket is looked for like other windows.
  const Window* run_of[BucketTables::kRunsMax];
  std::vector<Placed> run_members[BucketTables::kRunsMax];
  size_t run_count = 0;
  for (const Placed& run : runs) {
    size_t i = 0;
    while (i < run_count && !(run_of[i]->sets().front() == run.window->sets().front())) ++i;
    if (i == BucketTables::kRunsMax) {
      others.push_back(run);
      continue;
    }
    if (i == run_count) run_of[run_count++] = run.window;
    if (run.window->size() < run_of[i]->size()) run_of[i] = run.window;
    run_members[i].push_back(run);
  }

  std::vector<Probed> probed;
  for (size_t i = 0; i < std::min(others.size(), kChoosingMax); ++i) probed.emplace_back(others[i].window);
  size_t widest = 1;
  for (const Placed& placed : others) widest = std::max(widest, placed.window->size());
  tables.probes = 1;
  uint8_t best[BucketTables::kProbesMax] = {0, 1, 2};
  double best_cost = -1;
  for (size_t probes = 2; probes <= std::min(widest, BucketTables::kProbesMax); ++probes) {
    for (uint8_t near = 1; near < kSpreadMax; ++near) {
      // Of two probes there is no third to be tried elsewhere.
      const size_t far_max = probes > 2 ? kSpreadMax : near + size_t{1};
      for (uint8_t far = static_cast<uint8_t>(near + 1); far <= far_max; ++far) {
        const uint8_t offsets[BucketTables::kProbesMax] = {0, near, far};
        double cost = kProbeByteCost * static_cast<double>(probes);
        for (const Probed& window : probed) {
          double density;
          window.BestShift(offsets, probes, &density);
          cost += kCandidateCost * density;
        }
        if (best_cost >= 0 && cost >= best_cost) continue;
        best_cost = cost;
        tables.probes = static_cast<uint8_t>(probes);
        std::copy(std::begin(offsets), std::end(offsets), best);
      }
    }
  }
  std::copy(std::begin(best), std::end(best), tables.offsets);

  std::vector<Group> all;
  for (const Placed& placed : others) all.emplace_back(placed, tables.offsets, tables.probes);
  std::vector<Group> run_groups;
  for (size_t i = 0; i < run_count; ++i) run_groups.emplace_back(run_members[i], run_of[i]);
  const auto scan_cost = [&](size_t run_groups_of_scan) {
    return kBucketsByteCost + kProbeByteCost * tables.probes + kRunByteCost * static_cast<double>(run_groups_of_scan);
  };
  const auto cost_of = [](const std::vector<Group>& groups) {
    double cost = 0;
    for (const Group& group : groups) cost += group.cost;
    return cost;
  };
  const size_t first_max = BucketTables::kBuckets - run_count;
  std::vector<Group> two = Joined(std::move(all), first_max + BucketTables::kBuckets, tables.offsets, tables.probes);
  std::vector<Group> one = Joined(two, first_max, tables.offsets, tables.probes);
  const bool twice = two.size() > first_max && cost_of(two) + scan_cost(0) < cost_of(one);
  std::vector<Group>& groups = twice ? two : one;
  design->cost += cost_of(groups) + scan_cost(run_count) + (twice ? scan_cost(0) : 0);
  std::vector<Group> second;
  if (twice && groups.size() > first_max) {
    second.assign(groups.begin() + static_cast<long>(first_max), groups.end());
    groups.erase(groups.begin() + static_cast<long>(first_max), groups.end());
  }
  if (!second.empty()) design->buckets[1] = BucketsOf(tables, second, {});
  tables.runs = static_cast<uint8_t>(run_count);
  for (size_t i = 0; i < run_count; ++i) tables.run_bytes[i] = static_cast<uint8_t>(run_of[i]->size());
  design->buckets[0] = BucketsOf(tables, groups, run_groups);
}

std::unique_ptr<CandidateIndex::Buckets> CandidateIndex::BucketsOf(const BucketTables& probing,
                                                                   const std::vector<Group>& groups,
                                                                   const std::vector<Group>& runs) {
  auto buckets = std::make_unique<Buckets>();
  buckets->tables = probing;
  for (size_t bucket = 0; bucket < BucketTables::kBuckets; ++bucket) {
    const size_t run = BucketTables::kBuckets - 1 - bucket;
    const Group* const group = run < runs.size() ? &runs[run] : bucket < groups.size() ? &groups[bucket] : nullptr;
    if (group != nullptr) {
      for (size_t k = 0; k < BucketTables::kProbesMax; ++k) {
        for (size_t half = 0; half < 16; ++half) {
          const auto bit = static_cast<uint8_t>(1u << bucket);
          if ((group->sets[k].low >> half & 1) != 0) buckets->tables.low[k][half] |= bit;
          if ((group->sets[k].high >> half & 1) != 0) buckets->tables.high[k][half] |= bit;
        }
      }
      buckets->entries.insert(buckets->entries.end(), group->entries.begin(), group->entries.end());
    }
    buckets->begin[bucket + 1] = static_cast<uint32_t>(buckets->entries.size());
  }
  return buckets;
}

void CandidateScan::Use(const CandidateIndex* index) {
  index_ = index;
  seen_.assign(index == nullptr ? 0 : index->steps(), Seen());
  sole_lane_ = nullptr;
  record_ = 0;
  if (index_ == nullptr || index_->empty()) {
    lanes_.reset();
  } else {
    if (lanes_ == nullptr) lanes_ = std::make_unique<Lane[]>(kLanes);
    size_t used = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes_[lane].used =
          lane == kGramLane ? index_->design_.grams != nullptr : index_->design_.buckets[lane] != nullptr;
      if (!lanes_[lane].used) continue;
      ++used;
      sole_lane_ = &lanes_[lane];
      sole_entries_ = EntriesOf(lane).data();
    }
    if (used > 1) sole_lane_ = nullptr;
  }
  Reset(nullptr, nullptr);
}

void CandidateScan::Reset(const char* begin, const char* end) {
  begin_ = reinterpret_cast<const uint8_t*>(begin);
  end_ = reinterpret_cast<const uint8_t*>(end);
  // Nothing is known yet; without windows all is quiet.
  quiet_end_ = lanes_ == nullptr ? end_ : begin_;
  for (size_t i = 0; lanes_ != nullptr && i < kLanes; ++i) {
    lanes_[i].at = lanes_[i].used ? begin_ : end_;
    lanes_[i].head = lanes_[i].count = 0;
  }
}

void CandidateScan::Fill(size_t lane_index) {
  Lane& lane = lanes_[lane_index];
  lane.head = lane.count = 0;
  const uint8_t* const stop = lane.at + std::min(static_cast<size_t>(end_ - lane.at), kAheadBytes);
  lane.at = lane_index == kGramLane
                ? ActiveKernel().find_grams(index_->design_.grams->table, begin_, lane.at, stop, end_, lane.list,
                                            kListMax, &lane.count)
                : ActiveKernel().find_buckets(index_->design_.buckets[lane_index]->tables, begin_, lane.at, stop, end_,
                                              lane.list, kListMax, &lane.count);
  Sift(lane_index);
}

template <typename Visit>
inline void CandidateScan::ForEach(size_t lane, const Candidate& candidate, const Visit& visit) const {
  if (lane != kGramLane) {
    const CandidateIndex::Buckets& buckets = *index_->design_.buckets[lane];
    for (uint32_t bits = candidate.what; bits != 0; bits &= bits - 1) {
      const int bucket = __builtin_ctz(bits);
      for (uint32_t i = buckets.begin[bucket]; i < buckets.begin[bucket + 1]; ++i)
        if (!visit(i, buckets.entries[i])) return;
    }
    return;
  }
  const CandidateIndex::Grams& grams = *index_->design_.grams;
  const uint8_t* const place = begin_ + candidate.place;
  uint32_t gram = 0;
  for (size_t i = 0; i < 4; ++i)
    gram |= uint32_t{GramTable::Folded(place + i < end_ ? place[i] : uint8_t{0})} << (8 * i);
  const uint32_t last = grams.slot_begin[candidate.what + 1];
  for (uint32_t i = grams.slot_begin[candidate.what]; i < last; ++i)
    if (grams.entries[i].gram == gram && !visit(i, grams.entries[i])) return;
}

void CandidateScan::Sift(size_t lane_index) {
  Lane& lane = lanes_[lane_index];
  size_t kept = 0;
  // Starts of one run lie side by side; of what was compared for one, the next needs no second look.
  KnownRun known;
  for (size_t i = 0; i < lane.count; ++i) {
    Candidate candidate = lane.list[i];
    const uint8_t* const place = begin_ + candidate.place;
    uint32_t fitting = 0;
    uint32_t which = 0;
    ForEach(lane_index, candidate, [&](uint32_t index, const CandidateIndex::Entry& entry) {
      const bool fits = entry.window->is_run() && entry.shift == 0 ? known.Fits(entry, place, end_)
                                                                   : entry.FitsAround(place, begin_, end_, end_);
      if (!fits) return true;
      which = index;
      return ++fitting < 2;
    });
    if (fitting == 0) continue;
    if (fitting == 1) candidate.what = kResolved | which;
    lane.list[kept++] = candidate;
  }
  lane.count = kept;
}

inline void CandidateScan::Confirm(size_t lane, const Candidate& candidate, const uint8_t* from, const uint8_t* to,
                                   std::vector<uint32_t>* steps) {
  const uint8_t* const place = begin_ + candidate.place;
  const auto add = [this, steps, place](const CandidateIndex::Entry& entry) {
    const uint8_t* const start = place - entry.shift;
    Seen& seen = seen_[entry.step];
    if (seen.record == record_) {
      seen.first = std::min(seen.first, start);
      seen.last = std::max(seen.last, start);
      return;
    }
    seen = {record_, start, start};
    steps->push_back(entry.step);
  };
  if ((candidate.what & kResolved) != 0) {
    const CandidateIndex::Entry& entry = EntriesOf(lane)[candidate.what & ~kResolved];
    if (entry.FitsWithin(place, from, to)) add(entry);
    return;
  }
  ForEach(lane, candidate, [&](uint32_t, const CandidateIndex::Entry& entry) {
    if (entry.FitsAround(place, from, to, end_)) add(entry);
    return true;
  });
}

void CandidateScan::CollectLane(size_t lane_index, const uint8_t* from, const uint8_t* to,
                                std::vector<uint32_t>* steps) {
  Lane& lane = lanes_[lane_index];
  for (;;) {
    for (; lane.head < lane.count; ++lane.head) {
      const Candidate& candidate = lane.list[lane.head];
      const uint8_t* const place = begin_ + candidate.place;
      if (place >= to) {
        quiet_end_ = std::min(quiet_end_, place);
        return;
      }
      // Those of records that nobody asked about are left behind.
      if (place >= from) Confirm(lane_index, candidate, from, to, steps);
    }
    // Scanned on only when a record asks, so that the last record of a region is not followed by a scan.
    if (lane.at >= to) break;
    Fill(lane_index);
  }
  quiet_end_ = std::min(quiet_end_, lane.at);
}

void CandidateScan::Collect(std::string_view record, std::vector<uint32_t>* steps) {
  const auto* const from = reinterpret_cast<const uint8_t*>(record.data());
  const uint8_t* const to = from + record.size();
  if (lanes_ == nullptr || to <= quiet_end_) return;
  ++record_;
  const size_t before = steps->size();
  quiet_end_ = end_;
  for (size_t i = 0; i < kLanes; ++i)
    if (lanes_[i].used) CollectLane(i, from, to, steps);
  if (steps->size() - before > 1) std::sort(steps->begin() + static_cast<long>(before), steps->end());
}

}  // namespace streamgate
