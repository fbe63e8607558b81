/**
 * The control plane's memory: the draft, the manifest that is published, and the versions before it, in the data directory.
 *
 *     control/draft.json           {"revision":12,"rules":[…],"outputs":[…],"batch_size":100,"kept":{…}}
 *     control/published.json       the manifest that data planes were given last
 *     control/versions/000007.json every manifest that was handed to the bus, with who, when and why: `versions.ts`
 *
 * A change reaches the disk before it is answered, and changes memory only then, so kill -9 at any moment leaves what the last
 * answer said. Changes of the draft run one after the other; so do publications. A publication that may replace the draft holds up
 * changes of it meanwhile: none is answered and then overwritten. What data planes have taken is published, whether its files can be
 * written or not: then memory is ahead of the disk, and a warning says so.
 */

import { join } from "node:path";
import { StreamGateError } from "../errors.ts";
import {
  batchSizeDefault,
  batchSizeSchema,
  type Manifest,
  type PatternChecker,
  readManifest,
} from "../manifest/manifest.ts";
import { withIds } from "../manifest/output_identity.ts";
import { ruleSchema } from "../manifest/rule.ts";
import { damaged, parseState, readDurable, removeLeftovers, writeDurably } from "../persistence/durable_file.ts";
import { firstViolation, placeOf } from "../schema.ts";
import { Type } from "../typebox.ts";
import { contentOf, type Draft } from "./draft.ts";
import { type Revision, requireMatch } from "./revision.ts";
import { type Note, Versions } from "./versions.ts";

export type { Draft };

/** What a publication publishes, and what becomes of the draft. */
export interface Order {
  /** As in the header If-Match. */
  readonly ifMatch?: string | undefined;
  /** Absent: the draft. Given raw, without version and timestamp; undefined: nothing is to be published. */
  readonly content?: (state: Content) => unknown | undefined | Promise<unknown | undefined>;
  /** Absent: it stays what it is. Called when everything is published. */
  readonly draft?: (state: Content & { readonly manifest: Manifest }) => Draft;
  readonly note?: Omit<Note, "time">;
  /** It is what the file says that the configuration comes from. */
  readonly fromFile?: boolean | undefined;
}

export interface Content {
  readonly draft: Draft;
  readonly published: Manifest | undefined;
}

const draftSchema = Type.Object({
  rules: Type.Array(ruleSchema),
  outputs: Type.Array(Type.Object({ type: Type.String() })),
  batch_size: batchSizeSchema,
  revision: Type.Optional(Type.Integer({ minimum: 0 })),
  kept: Type.Optional(Type.Object({})),
});

const publishedSchema = Type.Object({
  version: Type.String(),
  pipelines: Type.Array(Type.Object({}), { minItems: 1 }),
});

export class Store {
  readonly #directory: string;
  readonly #versions: Versions;
  #draft: Draft;
  #draftRevision: number;
  #published: Manifest | undefined;
  #changes: Promise<unknown> = Promise.resolve();
  #publications: Promise<unknown> = Promise.resolve();
  /** Where the configuration comes from instead of from calls. */
  #file: string | undefined;

  private constructor(
    directory: string,
    versions: Versions,
    draft: Draft,
    draftRevision: number,
    published: Manifest | undefined,
  ) {
    this.#directory = directory;
    this.#versions = versions;
    this.#draft = draft;
    this.#draftRevision = draftRevision;
    this.#published = published;
  }

  /**
   * @param dataDirectory locked by this process (src/persistence/data_directory.ts)
   * @throws StreamGateError SG_STATE_DAMAGED, SG_DATA_DIR
   */
  static async open(dataDirectory: string): Promise<Store> {
    const directory = join(dataDirectory, "control");
    for (const leftIn of [directory, join(directory, "versions")]) await removeLeftovers(leftIn);
    const draft = await readState(join(directory, "draft.json"), draftSchema);
    const published = await readState(join(directory, "published.json"), publishedSchema);
    const versions = await Versions.open(
      join(directory, "versions"),
      Number((published as Manifest | undefined)?.version ?? 0),
    );
    // Drafts of versions before outputs had ids have none; those before revisions were counted begin at 0.
    const {
      revision = 0,
      rules,
      outputs,
      batch_size,
      kept,
    } = (draft as (Draft & { revision?: number }) | undefined) ?? {
      rules: [],
      outputs: [],
      batch_size: batchSizeDefault,
    };
    const named = { rules, outputs: withIds(outputs), batch_size, ...(kept !== undefined && { kept }) };
    return new Store(directory, versions, named, revision, published as Manifest | undefined);
  }

  get draft(): Draft {
    return this.#draft;
  }

  /** What data planes were given last; undefined before the first publication. */
  get published(): Manifest | undefined {
    return this.#published;
  }

  get versions(): Versions {
    return this.#versions;
  }

  get revision(): Revision {
    return { draft: this.#draftRevision, version: this.#published?.version };
  }

  /** From now on the configuration comes from this file alone: everything else that would change it is refused. */
  follow(file: string): void {
    this.#file = file;
  }

  /** @throws StreamGateError SG_CONFIG_FILE when the configuration comes from a file */
  requireWritable(): void {
    if (this.#file === undefined) return;
    throw new StreamGateError("SG_CONFIG_FILE", {
      where: this.#file,
      what: "is where this gate takes its configuration from (--config), so it is not changed here",
      fix: "change that file: it is read again when it changes",
    });
  }

  /**
   * Replaces the draft by what `edit` makes of it, on disk and then in memory.
   * @param edit sees the draft as all earlier changes left it; what it throws changes nothing
   * @param before told of the next draft before it takes effect; when it rejects, nothing has changed
   * @throws StreamGateError SG_CHANGED when `ifMatch` names another state
   */
  change(edit: (draft: Draft) => Draft, ifMatch?: string, before?: (next: Draft) => Promise<void>): Promise<Draft> {
    return this.#inTurn(async () => {
      this.requireWritable();
      requireMatch(ifMatch, this.revision);
      const next = edit(this.#draft);
      await before?.(next);
      return this.#replaceDraft(next);
    });
  }

  /**
   * Makes the draft, or what the order says, the next version and hands it over. It becomes the published one when `handOver`
   * resolves; when that rejects, nothing has changed, and its version number is not used again.
   * @returns `warnings`: sentences for what is allowed and unwise, and for a file that could not be written; undefined when the order's
   *   content is
   */
  publish<T>(
    check: PatternChecker,
    handOver: (manifest: Manifest) => Promise<T>,
    order?: Omit<Order, "content">,
  ): Promise<{ manifest: Manifest; warnings: readonly string[]; result: T }>;
  publish<T>(
    check: PatternChecker,
    handOver: (manifest: Manifest) => Promise<T>,
    order: Order,
  ): Promise<{ manifest: Manifest; warnings: readonly string[]; result: T } | undefined>;
  publish<T>(
    check: PatternChecker,
    handOver: (manifest: Manifest) => Promise<T>,
    order: Order = {},
    // biome-ignore lint/suspicious/noExplicitAny: the overloads say it
  ): Promise<any> {
    const publication = this.#publications.then(async () => {
      if (order.draft !== undefined) return this.#inTurn(() => this.#publish(check, handOver, order));
      await this.#changes;
      return this.#publish(check, handOver, order);
    });
    this.#publications = publication.catch(() => undefined);
    return publication;
  }

  async #publish<T>(check: PatternChecker, handOver: (manifest: Manifest) => Promise<T>, order: Order) {
    if (order.fromFile !== true) this.requireWritable();
    requireMatch(order.ifMatch, this.revision);
    const state = { draft: this.#draft, published: this.#published };
    const raw = order.content === undefined ? contentOf(state.draft) : await order.content(state);
    if (raw === undefined) return undefined;
    const number = this.#versions.next;
    const time = this.#timeOfNext();
    const { manifest, warnings } = readManifest(
      { ...(raw as object), version: String(number), timestamp: time },
      check,
    );
    // Before it is handed over: a manifest that some data plane runs must not be lost to a full disk.
    const version = { ...order.note, time, manifest };
    await this.#versions.keep(number, version);
    let result: T;
    try {
      result = await handOver(manifest);
    } catch (error) {
      await this.#versions.refuse(number, version, error as Error);
      throw error;
    }
    // Data planes run it: a disk that is full now does not make it refused.
    const unwritten: string[] = [];
    const tell = (error: Error) => {
      const what = "data planes run it, and a restart of the control plane brings back what was there before";
      unwritten.push(`${what}; make room and publish again: ${error.message}`);
    };
    this.#published = manifest;
    await writeDurably(join(this.#directory, "published.json"), `${JSON.stringify(manifest, null, 2)}\n`).catch(tell);
    if (order.draft !== undefined) {
      const draft = order.draft({ draft: state.draft, published: state.published, manifest });
      if (draft !== state.draft)
        await this.#writeDraft(draft)
          .catch(tell)
          .then(() => this.#setDraft(draft));
    }
    return { manifest, warnings: [...warnings, ...unwritten], result };
  }

  /** Never before the last one's, whatever the clock does: data planes that ask for signatures refuse what is older. */
  #timeOfNext(): string {
    const last = Date.parse(String(this.#published?.timestamp));
    return new Date(Number.isNaN(last) ? Date.now() : Math.max(Date.now(), last + 1)).toISOString();
  }

  /** Runs one change of the draft after the other. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const change = this.#changes.then(run);
    this.#changes = change.catch(() => undefined);
    return change;
  }

  async #replaceDraft(next: Draft): Promise<Draft> {
    await this.#writeDraft(next);
    this.#setDraft(next);
    return next;
  }

  #writeDraft(next: Draft): Promise<void> {
    const revision = this.#draftRevision + 1;
    return writeDurably(join(this.#directory, "draft.json"), `${JSON.stringify({ revision, ...next }, null, 2)}\n`);
  }

  #setDraft(next: Draft): void {
    this.#draft = next;
    this.#draftRevision++;
  }
}

async function readState(path: string, schema: typeof draftSchema | typeof publishedSchema): Promise<unknown> {
  const text = await readDurable(path);
  if (text === undefined) return undefined;
  const value = parseState(path, text);
  const violation = firstViolation(schema, value);
  if (violation !== undefined) throw damaged(path, `${placeOf(violation.path)} ${violation.what}`.trimStart());
  return value;
}
