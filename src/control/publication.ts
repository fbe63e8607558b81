/**
 * Publishing, whoever asks: the draft, an earlier version, or a manifest that is given whole becomes the next version, and data planes
 * run it. The REST routes, gRPC and the command line call the same.
 */

import type { Publisher } from "../bus/bus.ts";
import { StreamGateError } from "../errors.ts";
import { canonical } from "../manifest/canonical.ts";
import {
  activePipeline,
  type Manifest,
  maskManifest,
  type PatternChecker,
  passthrough,
  type RevertWord,
} from "../manifest/manifest.ts";
import { type Weakening, weakenings } from "../manifest/weakened.ts";
import { refuseMetadataUrls } from "../outputs/metadata_urls.ts";
import type { LiveRules } from "../plan/live.ts";
import type { Actor } from "./actor.ts";
import type { Audit } from "./audit.ts";
import { contentOf, contentOfManifest, draftOf, isPublished } from "./draft.ts";
import { manifestGiven } from "./manifest_given.ts";
import type { Applied, Planes } from "./planes.ts";
import { manifestTag } from "./revision.ts";
import { type ErrorWarning, type Sightings, unseen } from "./sightings.ts";
import type { Content, Order, Store } from "./store.ts";

export interface PublicationOptions {
  readonly actor: Actor;
  /** Why, for those who read the list of versions. */
  readonly comment?: string | undefined;
  /** As in the header If-Match. When it names another state, the call is refused with SG_CHANGED. */
  readonly ifMatch?: string | undefined;
  /** It is what the file says that the configuration comes from (`Store.follow`). */
  readonly fromFile?: boolean;
  /** How long the answer may wait for data planes to run it; absent: it does not. */
  readonly waitMs?: number | undefined;
  /** off: data planes do not go back from it by themselves. */
  readonly revert?: "off";
  /** It is meant to drop most records: data planes do not go back from it because they are gone. */
  readonly expectDrop?: boolean;
}

export interface Published {
  /** unchanged: data planes have this already, so that there is no new version. */
  readonly status: "published" | "unchanged";
  /** What data planes run from now on, as it may be shown. */
  readonly manifest: Manifest;
  readonly subscribersNotified: number;
  /** Rules that are enforced from now on and were seen, in shadow, to act on errors. */
  readonly warnings: readonly ErrorWarning[];
  /** Rules that protect less than before. */
  readonly weakened: readonly Weakening[];
  /** Where a wait was asked for, and data planes report: who runs it. */
  readonly planes?: Applied;
  /** Of rollback and put. followed: it is what was published now. kept: it held changes that were not published, and still does. */
  readonly draft?: "followed" | "kept";
  /** Entity tag of the state that this leaves. */
  readonly tag: string;
}

export interface PublicationContext {
  readonly store: Store;
  readonly publisher: Publisher;
  readonly check: PatternChecker;
  /** The setting ALLOW_METADATA_OUTPUTS. Absent: no. */
  readonly allowMetadataOutputs?: boolean;
  readonly log: { info(message: string): void; warn(message: string): void };
  readonly live?: LiveRules;
  readonly audit: Audit;
  readonly sightings: Sightings;
  readonly planes?: Planes;
}

export class Publication {
  readonly #context: PublicationContext;
  readonly #watchers = new Set<(manifest: Manifest) => void>();

  constructor(context: PublicationContext) {
    this.#context = context;
  }

  /** Entity tag of draft and published manifest as they are now. */
  get tag(): string {
    return manifestTag(this.#context.store.revision);
  }

  /** What data planes were given last, as it may be shown; before the first publication every record passes to the console. */
  get manifest(): Manifest {
    return maskManifest(this.#context.store.published ?? passthrough);
  }

  /** Calls `onPublished` with each manifest that is published from now on, as it may be shown. @returns ends it */
  watch(onPublished: (manifest: Manifest) => void): () => void {
    this.#watchers.add(onPublished);
    return () => this.#watchers.delete(onPublished);
  }

  /**
   * Publishes the draft.
   * @throws StreamGateError SG_CHANGED; SG_BUS_AWAY or SG_PUBLISH_REFUSED from the bus, and what `readManifest` throws: nothing has changed
   */
  publish(options: PublicationOptions): Promise<Published> {
    return this.#publish(options, {});
  }

  /**
   * Publishes an earlier version again, as the next one. The draft follows when it holds nothing that was not published.
   * @throws as `publish`, and SG_VERSION_MISSING
   */
  async rollback(version: number, options: PublicationOptions): Promise<Published> {
    const { manifest } = await this.#context.store.versions.read(version);
    let followed = false;
    const published = await this.#publish(
      options,
      {
        content: () => contentOfManifest(manifest),
        draft: (state) => {
          followed = isPublished(state.draft, state.published);
          return followed ? draftOf(state.manifest) : state.draft;
        },
      },
      { rollback_of: String(version) },
    );
    return { ...published, draft: followed ? "followed" : "kept" };
  }

  /**
   * Publishes a manifest that is given whole, and makes the draft the same. Fields that nobody knows are kept; version and timestamp
   * are given anew. A secret that is given as it was shown stays what it is in the output of the same id. When all of it is published
   * already, nothing is.
   * @throws as `publish`
   */
  async put(raw: unknown, options: PublicationOptions): Promise<Published> {
    const { check, allowMetadataOutputs = false } = this.#context;
    const published = await this.#publish(
      options,
      {
        content: (state) => {
          const manifest = manifestGiven(raw, state, check);
          if (!allowMetadataOutputs)
            for (const [index, output] of activePipeline(manifest).outputs.entries())
              refuseMetadataUrls(output, `outputs[${index}]`);
          const same =
            state.published !== undefined &&
            canonical(contentOfManifest(manifest)) === canonical(contentOfManifest(state.published));
          return same && isPublished(state.draft, state.published) ? undefined : contentOfManifest(manifest);
        },
        draft: ({ manifest }) => draftOf(manifest),
      },
      {},
      "manifest",
    );
    return { ...published, draft: "followed" };
  }

  /** Publishes, then waits: whoever waits for data planes keeps nobody else from publishing. */
  async #publish(
    options: PublicationOptions,
    order: Order,
    note: { rollback_of?: string } = {},
    of: "draft" | "version" | "manifest" = note.rollback_of === undefined ? "draft" : "version",
  ): Promise<Published> {
    const published = await this.#publishNow(options, order, note, of);
    const { planes } = this.#context;
    if (options.waitMs === undefined || planes === undefined) return published;
    const { manifest, subscribersNotified } = published;
    return { ...published, planes: await planes.wait(manifest.version, subscribersNotified, options.waitMs) };
  }

  async #publishNow(
    options: PublicationOptions,
    order: Order,
    note: { rollback_of?: string },
    of: "draft" | "version" | "manifest",
  ): Promise<Published> {
    const { store, publisher, check, log, live, audit, sightings } = this.#context;
    const { actor, comment, ifMatch, fromFile } = options;
    const running = activePipeline(store.published ?? passthrough).processors;
    if (live !== undefined) sightings.note(running, await live.effects());
    let weakened: readonly Weakening[] = [];
    let errorsHit: readonly ErrorWarning[] = [];
    const handOver = async (next: Manifest) => {
      // Publications run one after the other: what is published now is what this one follows.
      const { processors: before } = activePipeline(store.published ?? passthrough);
      const { processors: after } = activePipeline(next);
      weakened = weakenings(before, after);
      errorsHit = live === undefined ? unseen(before, after) : sightings.warnings(before, after);
      const versions = { from: store.published?.version ?? null, to: next.version };
      const who = actor;
      await audit.append([
        {
          action: "publish",
          what: { of, rules: after.length, warnings: errorsHit.map(({ rule }) => rule), ...note },
          who,
          versions,
        },
        ...weakened.map(({ rule, how }) => ({ action: "weaken" as const, what: { rule, how }, who, versions })),
      ]);
      try {
        return await publisher.publish(next);
      } catch (error) {
        const code = error instanceof StreamGateError ? error.code : null;
        await audit.append([{ action: "publish_refused", what: { code }, who, versions }]);
        throw error;
      }
    };
    const content = order.content ?? (({ draft }: Content) => contentOf(draft));
    const word = wordOf(options);
    const published = await store.publish(check, handOver, {
      ...order,
      content: async (state: Content) => {
        const raw = await content(state);
        return raw === undefined ? undefined : { ...(raw as object), ...(word !== undefined && { revert: word }) };
      },
      ifMatch,
      fromFile,
      note: { author: actor.name, address: actor.address, ...(comment !== undefined && { comment }), ...note },
    });
    if (published === undefined) {
      const { manifest, tag } = this;
      return { status: "unchanged", manifest, subscribersNotified: 0, warnings: [], weakened: [], tag };
    }
    const { manifest, warnings, result } = published;
    const { tag } = this;
    for (const warning of warnings) log.warn(`version ${manifest.version}: ${warning}`);
    const { processors, outputs } = activePipeline(manifest);
    const counts = [
      counted(processors.length, "rule"),
      counted(outputs.length, "output"),
      `${counted(result.subscribersNotified, "data plane")} notified`,
    ];
    log.info(`published version ${manifest.version}: ${counts.join(", ")}`);
    for (const { rule, what } of weakened)
      log.warn(`version ${manifest.version} weakens rule ${JSON.stringify(rule)}: ${what}`);
    for (const { rule, what } of errorsHit)
      log.warn(`version ${manifest.version} enforces rule ${JSON.stringify(rule)}: ${what}`);
    const shown = maskManifest(manifest);
    for (const watcher of this.#watchers) watcher(shown);
    const { subscribersNotified } = result;
    return { status: "published", manifest: shown, subscribersNotified, warnings: errorsHit, weakened, tag };
  }
}

/** What the manifest tells data planes about going back from it; undefined: nothing but the usual. */
function wordOf({ revert, expectDrop }: PublicationOptions): RevertWord | undefined {
  if (revert === "off") return { volume: false, errors: false };
  return expectDrop === true ? { volume: false } : undefined;
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
