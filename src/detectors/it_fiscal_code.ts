/** Fiscal codes of Italy. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const itFiscalCode = defineDetector({
  name: "it_fiscal_code",
  title: "Italian fiscal code (codice fiscale)",
  groups: ["pii"],
  pattern: `${keywordPattern(["fiscal"])}|[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPR-T][0-7L-NP-T][0-9L-NP-V][A-Z]|[A-Z]{3} [A-Z]{3} [0-9L-NP-V]{2}[A-EHLMPR-T]`,
  scanner: "it_fiscal_code",
  normal: "compact",
  positives: [
    { text: "contribuente RSSMRA85T10A562S", values: ["RSSMRA85T10A562S"] },
    { text: "MRTMTT25D09F205Z;", values: ["MRTMTT25D09F205Z"] },
    { text: "RSS MRA 85T10 A562S", values: ["RSS MRA 85T10 A562S"] },
    { text: "codice_fiscale=rssmra85t10a562s", values: ["rssmra85t10a562s"] },
    { text: '{"codiceFiscale":"Rssmra85T10A562S"}', values: ["Rssmra85T10A562S"] },
  ],
  lookAlikes: [
    "RSSMRA85T10A562T",
    "RSSMRA85F10A562S",
    "rssmra85t10a562s",
    "RSSMRA85T10A562SX",
    "XRSSMRA85T10A562S",
    "RSSMRA85T40A562S",
    "RSSMRA8ST10A562S",
    "ADMINISTRATIONAL",
  ],
  source:
    "Decreto del Ministro delle Finanze of 23 December 1976; [Agenzia delle Entrate](https://www.agenziaentrate.gov.it/portale/web/guest/schede/istanze/richiesta-ts_cf/informazioni-codificazione-pf)",
  takes:
    "Sixteen letters and digits, or 3-3-5-5 by spaces, letters in the digits' places (omocodia) too; in lower case behind `fiscal`.",
  checks: "The check letter, the form, the month's letter and the day; at least one digit.",
  misses: "Codes of companies (eleven digits); lower case without the word.",
});
