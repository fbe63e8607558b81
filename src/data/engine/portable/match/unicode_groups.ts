/**
 * Unicode groups (`\\p{Greek}`) as RE2 1.27.1 knows them: Unicode 15.0. re2js has Unicode 17.0 and a few names more, so the groups
 * that RE2 does not know are refused, and the rest is handed to re2js as ranges, without the code points that were assigned since.
 *
 * The differences were found by comparing both programs' tables code point by code point; DerivedAge.txt of the Unicode
 * Character Database says the same. When either program is updated, `unicode_groups.test.ts` says so.
 */

import { RE2JS } from "re2js";

const categories = `
  C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Yi Z Zl Zp Zs
`;

const scripts = `
  Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki
  Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee
  Chorasmian Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan
  Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi
  Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited
  Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi
  Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani
  Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui
  Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari
  New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian
  Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong
  Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian
  Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le
  Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai
  Vithkuqi Wancho Warang_Citi Yezidi Zanabazar_Square
`;

const names = new Set(`${categories} ${scripts} Any`.split(/\s+/).filter((name) => name !== ""));

/** Code points assigned after Unicode 15.0, up to 17.0, hexadecimal. */
const assignedSince: readonly Range[] = rangesFrom(`
  88f 897 c5c cdc 1acf-1add 1ae0-1aeb 1b4e-1b4f 1b7f 1c89-1c8a 20c1 2427-2429 2b96 31e4-31e5 a7cb-a7cf a7d2 a7d4
  a7da-a7dc a7f1 fbc3-fbd2 fd90-fd91 fdc8-fdce 105c0-105f3 10940-10959 10d40-10d65 10d69-10d85 10d8e-10d8f
  10ec2-10ec7 10ed0-10ed8 10efa-10efc 11380-11389 1138b 1138e 11390-113b5 113b7-113c0 113c2 113c5 113c7-113ca
  113cc-113d5 113d7-113d8 113e1-113e2 116d0-116e3 11b60-11b67 11bc0-11be1 11bf0-11bf9 11db0-11ddb 11de0-11de9
  11f5a 13460-143fa 16100-16139 16d40-16d79 16ea0-16eb8 16ebb-16ed3 16ff2-16ff6 187f8-187ff 18cff 18d09-18d1e
  18d80-18df2 1cc00-1ccfc 1cd00-1ceb3 1ceba-1ced0 1cee0-1cef0 1e5d0-1e5fa 1e5ff 1e6c0-1e6de 1e6e0-1e6f5
  1e6fe-1e6ff 1f6d8 1f777-1f77a 1f8b2-1f8bb 1f8c0-1f8c1 1f8d0-1f8d8 1fa54-1fa57 1fa89-1fa8a 1fa8e-1fa8f 1fabe
  1fac6 1fac8 1facd 1fadc 1fadf 1fae9-1faea 1faef 1fbcb-1fbef 1fbfa 2b73a-2b73f 2cea2-2cead 323b0-33479
`);

/** Code points whose category changed since: group, code point, whether the group had it in 15.0. */
const changedSince: readonly (readonly [string, number, boolean])[] = [
  ["Ll", 0x295, true],
  ["Lo", 0x295, false],
  ["Mn", 0x1171e, true],
  ["Mc", 0x1171e, false],
];

/** Code points whose case folding came after Unicode 15.0: letters assigned since, and the older other case of some. */
const foldingSince: readonly Range[] = rangesFrom(
  "19b 264 1c89-1c8a a7cb-a7cf a7d2-a7d5 a7da-a7dc 10d50-10d65 10d70-10d85 16ea0-16eb8 16ebb-16ed3",
);

const runeMax = 0x10ffff;

/** First and last code point. */
export type Range = readonly [number, number];

/** Does RE2 know a group of this name? */
export function isUnicodeGroup(name: string): boolean {
  return names.has(name);
}

const known = new Map<string, readonly Range[]>();

/** The code points of a group that RE2 knows, ascending. */
export function unicodeGroup(name: string): readonly Range[] {
  let ranges = known.get(name);
  if (ranges === undefined) {
    ranges = rangesOf(name);
    known.set(name, ranges);
  }
  return ranges;
}

/** The same with what case folding adds to the group. */
export function unicodeGroupFolded(name: string): readonly Range[] {
  const key = `(?i)${name}`;
  let ranges = known.get(key);
  if (ranges === undefined) {
    ranges = classRanges(classText(unicodeGroup(name)), true);
    known.set(key, ranges);
  }
  return ranges;
}

/**
 * The code points of a class, folded as RE2 folds.
 * @param items what stands between the brackets, without groups
 */
export function classRanges(items: string, foldsCase: boolean): Range[] {
  if (items === "") return [];
  const listed = classOf(`[${items}]`);
  if (!foldsCase) return listed;
  const folded = subtract(classOf(`(?i)[${items}]`), foldingSince);
  return merged([...folded, ...subtract(listed, complement(foldingSince))]);
}

/** Does re2js fold one of these code points to one that RE2 does not know, or the reverse? RE2 folds each to itself alone. */
export function foldsSince(low: number, high = low): boolean {
  return foldingSince.some(([from, to]) => from <= high && low <= to);
}

/** The code points that re2js takes for one when case does not count. */
export function foldsOf(rune: number): Range[] {
  // With another code point beside it, it is a class with all of them in it, and no longer a letter and a flag.
  return classOf(`(?i)[\\x{${rune.toString(16)}}\\x{10ffff}]`).filter(([low]) => low !== runeMax);
}

/** Ranges as they stand inside a class. */
export function classText(ranges: readonly Range[]): string {
  const rune = (value: number) => `\\x{${value.toString(16)}}`;
  return ranges.map(([low, high]) => (low === high ? rune(low) : `${rune(low)}-${rune(high)}`)).join("");
}

/** All code points that are in none of the ranges. */
export function complement(ranges: readonly Range[]): Range[] {
  const rest: Range[] = [];
  let next = 0;
  for (const [low, high] of ranges) {
    if (next < low) rest.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= runeMax) rest.push([next, runeMax]);
  return rest;
}

function rangesFrom(text: string): readonly Range[] {
  return text
    .trim()
    .split(/\s+/)
    .map((range) => {
      const [low, high = low] = range.split("-");
      return [Number.parseInt(low!, 16), Number.parseInt(high!, 16)];
    });
}

function rangesOf(name: string): readonly Range[] {
  if (name === "Any") return [[0, runeMax]];
  // RE2's C has no unassigned code points.
  const parts = name === "C" ? "\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}" : `\\p{${name}}`;
  const excluded: Range[] = [...assignedSince];
  const added: Range[] = [];
  for (const [group, rune, had] of changedSince) {
    if (group === name) (had ? added : excluded).push([rune, rune]);
  }
  const ranges = [...subtract(classOf(`[${parts}]`), excluded), ...added];
  return merged(ranges);
}

/** The ranges of a character class as re2js compiles it. */
function classOf(pattern: string): Range[] {
  const program = RE2JS.compile(pattern).re2().prog as { inst: { arg: number; runes: ArrayLike<number> | null }[] };
  for (const { arg, runes } of program.inst) {
    if (runes === null || runes.length === 0) continue;
    if (runes.length === 1) {
      const rune = runes[0]!;
      // A letter in both cases is one code point and a flag.
      return arg === 0 ? [[rune, rune]] : foldsOf(rune);
    }
    const ranges: Range[] = [];
    for (let i = 0; i < runes.length; i += 2) ranges.push([runes[i]!, runes[i + 1]!]);
    return ranges;
  }
  return [];
}

function subtract(ranges: readonly Range[], excluded: readonly Range[]): Range[] {
  let rest = [...ranges];
  for (const [low, high] of excluded) {
    rest = rest.flatMap(([from, to]): Range[] => {
      if (to < low || from > high) return [[from, to]];
      const parts: Range[] = [];
      if (from < low) parts.push([from, low - 1]);
      if (to > high) parts.push([high + 1, to]);
      return parts;
    });
  }
  return rest;
}

function merged(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const result: [number, number][] = [];
  for (const [low, high] of sorted) {
    const last = result.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else result.push([low, high]);
  }
  return result;
}
