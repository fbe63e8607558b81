/**
 * The control plane's memory: the draft, the manifest that is published, and the versions before it, in the data directory.
 *
 *     control/draft.json           {"rules":[…],"outputs":[…],"batch_size":100}
 *     control/published.json       the manifest that data planes were given last
 *     control/versions/000007.json every manifest that was handed to the bus, the newest `versionsMax`
 *
 * A change reaches the disk before it is answered, and changes memory only then, so kill -9 at any moment leaves what the last
 * answer said. Changes of the draft run one after the other; so do publications.
 */

import { join } from "node:path";
import { Type } from "typebox";
import {
  batchSizeDefault,
  batchSizeSchema,
  type Manifest,
  type PatternChecker,
  type Rule,
  readManifest,
} from "../manifest/manifest.ts";
import { type NamedOutput, withIds } from "../manifest/output_identity.ts";
import { ruleSchema } from "../manifest/rule.ts";
import { damaged, parseState, readDurable, removeLeftovers, writeDurably } from "../persistence/durable_file.ts";
import { firstViolation, placeOf } from "../schema.ts";
import { Versions } from "./versions.ts";

export interface Draft {
  readonly rules: readonly Rule[];
  readonly outputs: readonly NamedOutput[];
  readonly batch_size: number;
}

const draftSchema = Type.Object({
  rules: Type.Array(ruleSchema),
  outputs: Type.Array(Type.Object({ type: Type.String() })),
  batch_size: batchSizeSchema,
});

const publishedSchema = Type.Object({
  version: Type.String(),
  pipelines: Type.Array(Type.Object({}), { minItems: 1 }),
});

export class Store {
  readonly #directory: string;
  readonly #versions: Versions;
  #draft: Draft;
  #published: Manifest | undefined;
  #changes: Promise<unknown> = Promise.resolve();
  #publications: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, versions: Versions, draft: Draft, published: Manifest | undefined) {
    this.#directory = directory;
    this.#versions = versions;
    this.#draft = draft;
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
    const { rules, outputs, batch_size } = (draft as Draft | undefined) ?? {
      rules: [],
      outputs: [],
      batch_size: batchSizeDefault,
    };
    // Drafts of versions before outputs had ids have none.
    const named = { rules, outputs: withIds(outputs), batch_size };
    return new Store(directory, versions, named, published as Manifest | undefined);
  }

  get draft(): Draft {
    return this.#draft;
  }

  /** What data planes were given last; undefined before the first publication. */
  get published(): Manifest | undefined {
    return this.#published;
  }

  /**
   * Replaces the draft by what `edit` makes of it, on disk and then in memory.
   * @param edit sees the draft as all earlier changes left it; what it throws changes nothing
   */
  change(edit: (draft: Draft) => Draft): Promise<Draft> {
    const change = this.#changes.then(async () => {
      const next = edit(this.#draft);
      await writeDurably(join(this.#directory, "draft.json"), `${JSON.stringify(next, null, 2)}\n`);
      this.#draft = next;
      return next;
    });
    this.#changes = change.catch(() => undefined);
    return change;
  }

  /**
   * Makes the draft the next version and hands it over. It becomes the published one when `handOver` resolves; when that
   * rejects, nothing has changed, and its version number is not used again.
   * @returns `warnings`: sentences for what is allowed and unwise
   */
  publish<T>(
    check: PatternChecker,
    handOver: (manifest: Manifest) => Promise<T>,
  ): Promise<{ manifest: Manifest; warnings: readonly string[]; result: T }> {
    const publication = this.#publications.then(async () => {
      await this.#changes;
      const { rules, outputs, batch_size } = this.#draft;
      const { manifest, warnings } = readManifest(
        {
          version: String(this.#versions.next),
          timestamp: new Date().toISOString(),
          pipelines: [{ name: "default_pipeline", processors: rules, outputs, batch_size }],
        },
        check,
      );
      // Before it is handed over: a manifest that some data plane runs must not be lost to a full disk.
      await this.#versions.keep(manifest);
      const result = await handOver(manifest);
      await writeDurably(join(this.#directory, "published.json"), `${JSON.stringify(manifest, null, 2)}\n`);
      this.#published = manifest;
      return { manifest, warnings, result };
    });
    this.#publications = publication.catch(() => undefined);
    return publication;
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
