/** Tax identification numbers of Germany. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const deTaxId = defineDetector({
  name: "de_tax_id",
  title: "German tax identification number",
  groups: ["pii"],
  pattern: `${keywordPattern(["steuer", "idnr", " tax ", "identifikationsnummer"])}|\\d\\d \\d{3} \\d{3} \\d{3}`,
  scanner: "de_tax_id",
  normal: "compact",
  positives: [
    { text: "Steuer-ID 86095742719 liegt vor", values: ["86095742719"] },
    { text: "86 095 742 719", values: ["86 095 742 719"] },
    { text: "IdNr.: 47036892816", values: ["47036892816"] },
    { text: '{"tax_id":"86095742719"}', values: ["86095742719"] },
    { text: "Identifikationsnummer=47 036 892 816", values: ["47 036 892 816"] },
    { text: "taxId 47036892816", values: ["47036892816"] },
  ],
  lookAlikes: [
    "86095742719",
    "86 095 742 718",
    "Steuer-ID 86095742718",
    "Steuernummer 01234567899",
    "Steuer-ID 860957427191",
    "syntax 86095742719",
    "86 095 742 719 12",
    "Steuer 12345678903",
    "1 86 095 742 719",
    "Steuer-ID 11112345678",
  ],
  source:
    "Abgabenordnung section 139b; [Bundeszentralamt für Steuern](https://www.bzst.de/DE/Privatpersonen/SteuerlicheIdentifikationsnummer/steuerlicheidentifikationsnummer_node.html); check digit: ISO/IEC 7064, modulo 11,10",
  takes: "2-3-3-3 by spaces; eleven digits behind `steuer`, `idnr`, `identifikationsnummer` or `tax`.",
  checks: "The check digit, no zero first, and of the first ten digits one twice or three times and the others once.",
  misses:
    "Eleven bare digits without such a word, of which one in 260 passes; tax numbers of a tax office (Steuernummern), which have another form.",
});
