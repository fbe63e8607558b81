/** What a scenario works with: the compiled programs, a folder, and the corpora, each written once. */

import { type Corpus, type CorpusKind, type Expected, writeCorpus, writeExpected } from "../corpora/corpus.ts";
import type { NativePrograms } from "../programs.ts";
import type { Work } from "../work.ts";

export interface Bench {
  /** On tmpfs where there is one: a disk would be measured otherwise. */
  readonly folder: string;
  readonly programs: NativePrograms;
  corpus(kind: CorpusKind): Corpus;
  expected(kind: CorpusKind, work: Work): Expected;
}

/** @param corpusLines lines of each corpus; longer runs send it again */
export function makeBench(folder: string, programs: NativePrograms, corpusLines: number): Bench {
  const corpora = new Map<CorpusKind, Corpus>();
  const expected = new Map<string, Expected>();
  return {
    folder,
    programs,
    corpus(kind) {
      const made = corpora.get(kind) ?? writeCorpus(folder, kind, corpusLines);
      corpora.set(kind, made);
      return made;
    },
    expected(kind, work) {
      const key = `${kind} ${JSON.stringify(work)}`;
      const made = expected.get(key) ?? writeExpected(folder, `${kind}-${expected.size}`, kind, corpusLines, work);
      expected.set(key, made);
      return made;
    },
  };
}
