/** Social security numbers of France. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const frNir = defineDetector({
  name: "fr_nir",
  title: "French social security number (NIR)",
  groups: ["pii"],
  pattern: `${keywordPattern([" nir ", " insee ", "sociale", " secu "])}|\\d \\d\\d \\d\\d \\d|\\d-\\d\\d-\\d\\d-\\d`,
  scanner: "fr_nir",
  normal: "compact",
  positives: [
    { text: "assuré 2 55 08 14 168 025 38", values: ["2 55 08 14 168 025 38"] },
    { text: "NIR 185057800608491", values: ["185057800608491"] },
    { text: "insee=255081416802538", values: ["255081416802538"] },
    { text: "1 84 05 2A 004 123 08", values: ["1 84 05 2A 004 123 08"] },
    { text: "numéro de sécurité sociale : 291072B03304249", values: ["291072B03304249"] },
    { text: "2-55-08-14-168-025-38", values: ["2-55-08-14-168-025-38"] },
    { text: "secu 1850578006084 91", values: ["1850578006084 91"] },
  ],
  lookAlikes: [
    "255081416802538",
    "2 55 08 14 168 025 39",
    "NIR 185057800608492",
    "NIR 1850578006084",
    "nir 585057800608491",
    "1 85 13 78 006 084 91",
    "souvenir 185057800608491",
    "1 84 05 2C 004 123 08",
    "2 55 08 14 168 025 38 1",
    "security 185057800608491",
  ],
  source:
    "[INSEE, numéro d'inscription au répertoire](https://www.insee.fr/fr/metadonnees/definition/c1409); décret 82-103 of 22 January 1982",
  takes:
    "1-2-2-2-3-3-2 by spaces or hyphens; 15 characters, or 13 and 2, behind `nir`, `insee`, `secu` or `sociale`; 2A and 2B for Corsica.",
  checks: "The key (97 less the rest modulo 97), the first digit and the month.",
  misses:
    "Numbers without their key; 15 bare digits without such a word, since subscribers' numbers (IMSI) have the same form and every 97th passes.",
});
