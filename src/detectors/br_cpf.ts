/** Taxpayers' numbers of Brazil. */

import { defineDetector } from "./detector.ts";
import { keywordPattern } from "./keyword_pattern.ts";

export const brCpf = defineDetector({
  name: "br_cpf",
  title: "Brazilian taxpayer number (CPF)",
  groups: ["pii"],
  pattern: `${keywordPattern([" cpf "])}|\\d{3}\\.\\d{3}\\.\\d{3}-\\d\\d`,
  scanner: "br_cpf",
  normal: "compact",
  positives: [
    { text: "cliente 111.444.777-35 ok", values: ["111.444.777-35"] },
    { text: "cpf=52998224725", values: ["52998224725"] },
    { text: '{"cpf":"52998224725"}', values: ["52998224725"] },
    { text: "CPF 529.982.247-25.", values: ["529.982.247-25"] },
  ],
  lookAlikes: [
    "111.444.777-36",
    "52998224725",
    "111.111.111-11",
    "1.111.444.777-35",
    "111.444.777-350",
    "cpf 529982247255",
    "mcpf 52998224725",
    "111-444-777-35",
  ],
  source:
    "[Receita Federal, Cadastro de Pessoas Físicas](https://www.gov.br/receitafederal/pt-br/assuntos/meu-cpf); Instrução Normativa RFB 1548/2015",
  takes: "3.3.3-2; eleven digits behind `cpf`.",
  checks: "Both check digits (modulo 11); not eleven times the same digit.",
  misses: "Eleven bare digits without the word, of which every hundredth passes.",
});
