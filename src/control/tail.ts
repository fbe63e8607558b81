/**
 * People who look on while records pass: `GET /tail`, on the control API of `run` and, from the machine itself, on a data plane's admin port.
 *
 * The answer is NDJSON, an object a line, that does not end by itself: any HTTP client and `jq` read it as it is, a half line at the end
 * tells that it was cut, and a browser's own reconnecting (which server-sent events would bring) is nothing that is wanted here.
 *
 *     {"kind":"record","time":"…","text":"INFO paid with [credit_card]"}    what is left when protect rules and every detector have run
 *     {"kind":"record","time":"…"}                                          a protect rule keeps it from being shown
 *     {"kind":"seen","time":"…","records":12031,"shown":10}                 once a second, of how many these are a sample
 *     {"kind":"skipped","time":"…","records":40}                            the reader is too slow for these
 *     {"kind":"gone","time":"…","what":"…"}                                 the rule or output is not published any more
 *
 * Bounded: `watchersMax` at a time, `queueBytesMax` for each, `rateMax` records a second. Workers pay for it while somebody looks on, and
 * then by batch (src/data/worker/tail.ts).
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Rule } from "../manifest/manifest.ts";
import type { OpenEvaluation } from "../plan/evaluation.ts";
import type { LiveTail } from "../plan/live.ts";
import type { Plan } from "../plan/operations.ts";
import { RequestError } from "./answer.ts";
import { type Concealed, concealingPlan, leftOf } from "./concealment.ts";

export const rateDefault = 10;
export const rateMax = 200;
const watchersMax = 8;
const queueBytesMax = 256 * 1024;
/** Workers are asked so often. */
const lookMs = 250;
const seenMs = 1_000;
const nothing: readonly Rule[] = [];

export interface TailQuery {
  /** Id of a rule: records that it acts on, as they came in, concealed. */
  readonly rule?: string | undefined;
  /** Id of an output: records that go to it. */
  readonly output?: string | undefined;
  /** Records a second, at most. */
  readonly rate: number;
}

/** Where the lines go; never more than it takes. */
export interface TailSink {
  write(line: string): void;
  /** Bytes that wait for the reader. */
  readonly waitingBytes: number;
  /** The process ends. */
  end(): void;
}

export interface TailContext {
  readonly live: LiveTail;
  /** Makes a plan ready, on an engine. */
  readonly open: (plan: Plan) => OpenEvaluation;
  /** Rules beside those that run whose protection holds for what is shown: the draft's. */
  readonly drafted?: () => readonly Rule[];
}

interface Watcher {
  readonly query: TailQuery;
  readonly sink: TailSink;
  /** Records that it may be shown now; grows by `rate` a second, up to one second's. */
  allowance: number;
  /** Of the look under way. */
  asked: number;
  seen: number;
  shown: number;
  skipped: number;
  gone: boolean;
}

export class Tails {
  readonly #context: TailContext;
  readonly #watchers = new Set<Watcher>();
  /** As the last look asked for them. */
  #asked: readonly Watcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lookedMs = 0;
  #seenMs = 0;
  #concealer: { readonly of: readonly (readonly Rule[])[]; readonly evaluation: OpenEvaluation } | undefined;

  constructor(context: TailContext) {
    this.#context = context;
  }

  /**
   * @returns ends it
   * @throws RequestError 404 when the rule or output is not published, 429 when too many look on already
   */
  watch(query: TailQuery, sink: TailSink): () => void {
    const missing = this.#missing(query);
    if (missing !== undefined)
      throw new RequestError(404, {
        where: query.rule === undefined ? "output" : "rule",
        what: missing,
        fix: "GET /manifest shows what is published",
      });
    if (this.#watchers.size >= watchersMax)
      throw new RequestError(429, { where: "/tail", what: `${watchersMax} look on already`, fix: "end one of them" });
    const watcher = { query, sink, allowance: query.rate, asked: 0, seen: 0, shown: 0, skipped: 0, gone: false };
    this.#watchers.add(watcher);
    if (this.#timer === undefined) {
      this.#lookedMs = this.#seenMs = Date.now();
      this.#timer = setInterval(() => this.#turn(), lookMs);
      this.#turn();
    }
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** Ends all of them. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const { sink } of this.#watchers) sink.end();
    this.#watchers.clear();
    this.#forget();
  }

  #turn(): void {
    this.#looking ??= this.#look()
      .catch(() => {})
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #look(): Promise<void> {
    const nowMs = Date.now();
    const before = this.#asked;
    const next = [...this.#watchers];
    for (const watcher of next) {
      watcher.allowance = Math.min(
        watcher.query.rate,
        watcher.allowance + (watcher.query.rate * (nowMs - this.#lookedMs)) / 1000,
      );
      watcher.asked = Math.floor(watcher.allowance);
    }
    this.#lookedMs = nowMs;
    const looks = await this.#context.live.tail(
      next.map(({ query: { rule, output }, asked }) => ({ rule, output, recordsMax: asked })),
    );
    this.#asked = next;
    const time = new Date().toISOString();
    const told = before.map((watcher, index) => ({ watcher, look: looks[index] }));
    const left = this.#left(told.flatMap(({ look }) => look?.examples ?? []));
    let at = 0;
    for (const { watcher, look } of told) {
      const texts = left.slice(at, at + (look?.examples.length ?? 0));
      at += texts.length;
      if (look !== undefined && this.#watchers.has(watcher)) tell(watcher, look.records, texts, time);
    }
    if (nowMs - this.#seenMs >= seenMs) {
      this.#seenMs = nowMs;
      for (const watcher of this.#watchers) this.#sum(watcher, time);
    }
    // The last one has gone, and workers have been told so.
    if (next.length === 0 && this.#watchers.size === 0) this.close();
  }

  #sum(watcher: Watcher, time: string): void {
    const { sink, seen, shown, skipped, query } = watcher;
    const missing = this.#missing(query);
    if (missing !== undefined && !watcher.gone) put(sink, { kind: "gone", time, what: missing });
    watcher.gone = missing !== undefined;
    if (skipped > 0) put(sink, { kind: "skipped", time, records: skipped });
    put(sink, { kind: "seen", time, records: seen, shown });
    watcher.seen = watcher.shown = watcher.skipped = 0;
  }

  #missing({ rule, output }: TailQuery): string | undefined {
    const { version, rules, outputs } = this.#context.live.running();
    const named = version === undefined ? "nothing is published yet" : `is none of version ${version}, which runs`;
    if (rule !== undefined && !rules.some(({ id }) => id === rule)) return `${JSON.stringify(rule)} ${named}`;
    if (output !== undefined && !outputs.includes(output)) return `${JSON.stringify(output)} ${named}`;
    return undefined;
  }

  #left(records: readonly Uint8Array[]): readonly (Concealed | undefined)[] {
    if (records.length === 0) return [];
    const of = [this.#context.live.running().rules, this.#context.drafted?.() ?? nothing];
    if (this.#concealer === undefined || of.some((rules, index) => rules !== this.#concealer!.of[index])) {
      this.#forget();
      this.#concealer = { of, evaluation: this.#context.open(concealingPlan(of)) };
    }
    const { evaluation } = this.#concealer;
    return leftOf(records, (asked) => evaluation.run(asked));
  }

  #forget(): void {
    this.#concealer?.evaluation.close();
    this.#concealer = undefined;
  }
}

function tell(watcher: Watcher, records: number, texts: readonly (Concealed | undefined)[], time: string): void {
  watcher.seen += records;
  for (const one of texts) {
    if (watcher.allowance < 1) return;
    watcher.allowance--;
    if (watcher.sink.waitingBytes > queueBytesMax) watcher.skipped++;
    else {
      put(watcher.sink, { kind: "record", time, ...(one !== undefined && { text: one.text }) });
      watcher.shown++;
    }
  }
}

function put(sink: TailSink, line: object): void {
  // Even of a reader that reads nothing no more is kept than the bound and some lines of this kind.
  if (sink.waitingBytes <= 2 * queueBytesMax) sink.write(`${JSON.stringify(line)}\n`);
}

/** @throws RequestError 422 naming the parameter */
export function readTailQuery(given: Readonly<Record<string, string | string[] | undefined>>): TailQuery {
  const one = (name: string) => [given[name]].flat()[0];
  const stranger = Object.keys(given).find((name) => !["rule", "output", "rate"].includes(name));
  if (stranger !== undefined)
    throw new RequestError(422, {
      where: stranger,
      what: "is no parameter of this call",
      fix: "there are rule, output and rate",
    });
  const [rule, output, text] = [one("rule"), one("output"), one("rate")];
  if (rule !== undefined && output !== undefined)
    throw new RequestError(422, { where: "rule", what: "and output are both given", fix: "give one of them" });
  const rate = text === undefined ? rateDefault : Number(text);
  if (!(rate >= 0.1 && rate <= rateMax))
    throw new RequestError(422, {
      where: "rate",
      what: "is no number of records a second",
      fix: `give one from 0.1 to ${rateMax}`,
    });
  return { rule, output, rate };
}

/** Answers a request over plain `node:http`, until its reader or `tails` ends it. @throws as `readTailQuery` and `Tails.watch`, before a byte is sent */
export function answerTail(tails: Tails, query: TailQuery, request: IncomingMessage, response: ServerResponse): void {
  const sink: TailSink = {
    write: (line) => void response.write(line),
    get waitingBytes() {
      return response.writableLength;
    },
    end: () => void response.end(),
  };
  const end = tails.watch(query, sink);
  request.socket.setTimeout(0);
  response.writeHead(200, {
    "content-type": "application/x-ndjson",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  response.flushHeaders();
  response.on("close", end);
  response.on("error", end);
}
