/**
 * What sampled records stand for. The rule `sample` writes on each that it keeps how many there were: `"sample_rate":10` in JSON,
 * `sample_rate="10"` in syslog's structured data. Whoever counts adds these up instead of counting ones.
 */

const key = Buffer.from("sample_rate");
/** Digits, a point and what stands between key and number, at most. */
const valueBytesMax = 32;

/**
 * @param records each followed by LF
 * @returns records that they stand for beyond themselves: 0 where none was sampled
 */
export function extraWeight(records: Buffer): number {
  let extra = 0;
  let counted = -1;
  for (let at = records.indexOf(key); at !== -1; at = records.indexOf(key, at + key.length)) {
    // One weight a record: its text may speak of sampling, too.
    if (at < counted) continue;
    const behind = records.toString("latin1", at + key.length, at + key.length + valueBytesMax);
    const [, number] = /^(?:"\s*:\s*|=")(\d{1,9}(?:\.\d{1,9})?)/.exec(behind) ?? [];
    if (number === undefined || Number(number) < 1) continue;
    extra += Number(number) - 1;
    const end = records.indexOf(0x0a, at);
    counted = end === -1 ? records.length : end;
  }
  return extra;
}
