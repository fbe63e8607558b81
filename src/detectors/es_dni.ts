/** Identity numbers of Spain. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const esDni = defineDetector({
  name: "es_dni",
  title: "Spanish identity number (DNI, NIE)",
  groups: ["pii"],
  pattern: `${keywordPattern([" dni ", " nie ", " nif "])}|\\d{7}[A-Z]|\\d{7}-[A-Z]|\\.\\d{3}\\.\\d{3}`,
  scanner: "es_dni",
  normal: "compact",
  positives: [
    { text: "cliente 12345678Z alta", values: ["12345678Z"] },
    { text: "DNI: 12345678-Z", values: ["12345678-Z"] },
    { text: "12.345.678-Z", values: ["12.345.678-Z"] },
    { text: "12.345.678Z", values: ["12.345.678Z"] },
    { text: "NIE X1234567L", values: ["X1234567L"] },
    { text: "X-1234567-L, Y7654321-G", values: ["X-1234567-L", "Y7654321-G"] },
    { text: "dni=12345678z", values: ["12345678z"] },
    { text: '{"nif":"20260116Z"}', values: ["20260116Z"] },
    { text: "nie y7654321g", values: ["y7654321g"] },
  ],
  lookAlikes: [
    "12345678A",
    "12345678z",
    "20260116Z",
    "A1234567L",
    "X1234567A",
    "112345678Z",
    "12345678ZX",
    "blk_12345678Z",
    "00000000T",
    "1234567Z",
    "x1234567l",
    "12.345.678 Z",
    "genie 12345678z",
    "0.12345678Z",
  ],
  source:
    "[Ministerio del Interior, cálculo del dígito de control del NIF/NIE](https://www.interior.gob.es/opencms/es/servicios-al-ciudadano/tramites-y-gestiones/dni/calculo-del-digito-de-control-del-nif-nie/); Real Decreto 1553/2005",
  takes:
    "Eight digits, or X, Y or Z and seven, and a letter, with or without a hyphen before it, the digits with dots or without; in lower case behind `dni`, `nie` or `nif`.",
  checks: "The letter (modulo 23). Eight digits that are a date are left, unless one of the words stands before.",
  misses: "A space before the letter. Of other codes of eight digits and a capital letter every 23rd is taken.",
});
