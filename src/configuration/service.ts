import { relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Kysely } from 'kysely';
import { type Clock, GatehouseError, type Grant, type Ledger } from '../kernel/index.ts';
import { CONFIG_CODES } from './codes.ts';
import { type ConfigFiles, nodeFiles, overlayFiles } from './files.ts';
import { withCommandGrants } from './granted.ts';
import { editJson5 } from './input/edit.ts';
import { decodeText, MAX_CONFIG_BYTES, parseJson5 } from './input/parse.ts';
import { FORBIDDEN_KEYS } from './input/scan.ts';
import { Issues } from './issues.ts';
import { type LoadedConfig, loadConfig } from './load.ts';
import { isPlainObject } from './objects.ts';
import { formatPath, parsePath, type Segment, valueAt } from './path.ts';
import { finishPending, forgetPending, notePending } from './pending.ts';
import { MAX_PLAYBOOK_BYTES } from './playbooks/parse.ts';
import { egressPolicyPath, MAX_EGRESS_FILE_BYTES } from './policy/egress-file.ts';
import { configJsonSchema } from './schema.ts';
import { unifiedDiff } from './snapshots/diff.ts';
import { SnapshotStore, snapshotText } from './snapshots/store.ts';
import type { ConfigTables } from './snapshots/tables.ts';
import type { ConfigIssue, ConfigPaths, ConfigService, ConfigSnapshot, EffectiveConfig } from './types.ts';

export interface ConfigServiceParts {
  readonly paths: ConfigPaths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly db: Kysely<ConfigTables>;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly files?: ConfigFiles;
  /** Home directory of the account. */
  readonly userHome?: string;
  /**
   * Start on the last snapshot when what is there now cannot be used, so that a command line can look at it, correct
   * it and roll back. Never for a gateway: it does not start on something else than its file.
   */
  readonly fallback?: boolean;
}

interface By {
  readonly author: string;
  readonly ticket: string;
  readonly reason: string;
}

/** Texts to write, by absolute path; undefined takes a file away. */
type Changes = ReadonlyMap<string, string | undefined>;

/**
 * Load the home's configuration and keep it: numbered snapshots, changes that are tried as a whole before anything
 * is written, and a running configuration that invalid input never replaces.
 *
 * @throws CONFIG_INVALID when the configuration that is there now cannot be used
 */
export async function createConfigService(parts: ConfigServiceParts): Promise<ConfigService> {
  const service = new Configuration(parts);
  await service.start();
  return service;
}

class Configuration implements ConfigService {
  readonly #parts: ConfigServiceParts;
  readonly #files: ConfigFiles;
  readonly #snapshots: SnapshotStore;
  readonly #listeners = new Set<(next: EffectiveConfig, previous: EffectiveConfig) => void>();
  /** As the files say, and with what is granted for a while. */
  #filed: EffectiveConfig | undefined;
  #current: EffectiveConfig | undefined;
  #grants: readonly Grant[] = [];
  #queue: Promise<unknown> = Promise.resolve();

  constructor(parts: ConfigServiceParts) {
    this.#parts = parts;
    this.#files = parts.files ?? nodeFiles;
    this.#snapshots = new SnapshotStore(parts.db);
  }

  async start(): Promise<void> {
    await this.#finishChange();
    const latest = await this.#snapshots.latest();
    let loaded: LoadedConfig;
    try {
      loaded = await this.#load(this.#files);
    } catch (thrown) {
      if (this.#parts.fallback !== true) throw thrown;
      const changes = await this.#changesTo(latest?.number);
      const { effective } = await this.#load(overlayFiles(this.#files, changes));
      this.#run(Object.freeze({ ...effective, snapshot: latest?.number ?? 0 }));
      return;
    }
    const by = { author: 'start', ticket: '', reason: 'found at start' };
    const snapshot = latest?.hash === loaded.effective.hash ? latest : await this.#record(loaded, by);
    this.#run(Object.freeze({ ...loaded.effective, snapshot: snapshot.number }));
  }

  /** A change that a killed process had begun is finished first, so that what is loaded is something that was tried. */
  async #finishChange(): Promise<void> {
    const { paths } = this.#parts;
    const finished = finishPending(this.#files, paths);
    if (finished === undefined) return;
    await this.#event('config.change_finished', 'success', 'start', { files: finished });
    forgetPending(this.#files, paths);
  }

  #run(filed: EffectiveConfig): void {
    this.#filed = filed;
    this.#current = withCommandGrants(filed, this.#grants);
  }

  setGrants(grants: readonly Grant[]): void {
    this.#grants = grants;
    if (this.#filed !== undefined) this.#run(this.#filed);
  }

  current(): EffectiveConfig {
    if (this.#current === undefined) throw CONFIG_CODES.error('CONFIG_INVALID');
    return this.#current;
  }

  get(path?: string): unknown {
    const { config } = this.current();
    if (path === undefined || path === '') return config;
    const value = valueAt(config, this.#segments(path));
    if (value === undefined)
      throw CONFIG_CODES.error(
        'CONFIG_PATH_UNKNOWN',
        `nothing is set at ${formatPath(this.#segments(path))}`,
      );
    return value;
  }

  async validate(text?: string): Promise<{ ok: boolean; issues: readonly ConfigIssue[] }> {
    const changes = new Map(text === undefined ? [] : [[this.#parts.paths.config, text] as const]);
    try {
      const { effective } = await this.#load(overlayFiles(this.#files, changes));
      return { ok: true, issues: effective.warnings };
    } catch (thrown) {
      return { ok: false, issues: issuesOf(thrown) };
    }
  }

  async tryEgressPolicy(text: string): ReturnType<ConfigService['tryEgressPolicy']> {
    const changes = new Map([[egressPolicyPath(this.#parts.paths), text]]);
    try {
      const { effective } = await this.#load(overlayFiles(this.#files, changes));
      return { effective: withCommandGrants(effective, this.#grants), issues: effective.warnings };
    } catch (thrown) {
      return { effective: undefined, issues: issuesOf(thrown) };
    }
  }

  set(path: string, value: unknown, by: By): Promise<ConfigSnapshot> {
    return this.#inTurn(async () => {
      const segments = this.#segments(path);
      const config = this.#parts.paths.config;
      const edited = await this.#edited(segments, value === null ? undefined : value);
      return this.#change(new Map([[config, edited]]), by, 'config.set', { path: formatPath(segments) });
    });
  }

  apply(
    text: string,
    by: By,
    { onlyWhenEmpty }: { readonly onlyWhenEmpty: boolean },
  ): Promise<ConfigSnapshot> {
    return this.#inTurn(async () => {
      const { config } = this.#parts.paths;
      const before = this.#text(config, MAX_CONFIG_BYTES);
      if (onlyWhenEmpty && before !== undefined && !isEmptyText(before))
        throw CONFIG_CODES.error('CONFIG_NOT_EMPTY');
      return this.#change(new Map([[config, text]]), by, 'config.applied', {
        replaced: before !== undefined,
      });
    });
  }

  jsonSchema(): Readonly<Record<string, unknown>> {
    return configJsonSchema();
  }

  history(): Promise<readonly ConfigSnapshot[]> {
    return this.#snapshots.list();
  }

  async diff(from: number, to: number): Promise<string> {
    const [a, b] = [await this.#snapshots.get(from), await this.#snapshots.get(to)];
    return unifiedDiff(snapshotText(a), snapshotText(b), `snapshot ${from}`, `snapshot ${to}`);
  }

  rollback(to: number, by: By): Promise<ConfigSnapshot> {
    return this.#inTurn(async () => {
      const changes = await this.#changesTo(to);
      return this.#change(changes, by, 'config.rolled_back', { to });
    });
  }

  reload(author: string): ReturnType<ConfigService['reload']> {
    return this.#inTurn(async () => {
      let loaded: LoadedConfig;
      try {
        loaded = await this.#load(this.#files);
      } catch (thrown) {
        const issues = issuesOf(thrown);
        await this.#event('config.reload_refused', 'failure', author, {
          codes: issues.map((issue) => issue.code),
        });
        return { applied: false, refused: true, issues };
      }
      if (loaded.effective.hash === this.current().hash)
        return { applied: false, refused: false, issues: loaded.effective.warnings };
      const by = { author, ticket: '', reason: 'reloaded from the file' };
      await this.#event('config.reloaded', 'started', author, { hash: loaded.effective.hash });
      const snapshot = await this.#record(loaded, by);
      this.#apply(loaded.effective, snapshot);
      await this.#event('config.reloaded', 'success', author, { snapshot: snapshot.number });
      return { applied: true, refused: false, issues: loaded.effective.warnings };
    });
  }

  /** What to write to be at a snapshot again; without one, at the embedded defaults. */
  async #changesTo(number: number | undefined): Promise<Changes> {
    const { config, playbooks } = this.#parts.paths;
    const target = number === undefined ? undefined : await this.#snapshots.get(number);
    const changes = new Map<string, string | undefined>([[config, target?.config]]);
    changes.set(egressPolicyPath(this.#parts.paths), target?.egress ?? undefined);
    for (const name of this.#ownPlaybooks()) changes.set(`${playbooks}/${name}.yaml`, undefined);
    for (const [name, text] of Object.entries(target?.playbooks ?? {})) {
      changes.set(`${playbooks}/${name}.yaml`, text);
    }
    return changes;
  }

  /** The file's text with one key changed; a file that cannot be read is reported as when it is loaded. */
  async #edited(segments: readonly Segment[], value: unknown): Promise<string> {
    try {
      const text = this.#text(this.#parts.paths.config, MAX_CONFIG_BYTES) ?? '';
      return editJson5(text, segments, value);
    } catch (thrown) {
      await this.#load(this.#files);
      throw thrown;
    }
  }

  onApplied(listener: (next: EffectiveConfig, previous: EffectiveConfig) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One change after the other: each is tried against what the one before it left. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Try, record, write, snapshot, apply; whatever fails before the write leaves everything as it was. */
  async #change(
    changes: Changes,
    by: By,
    action: string,
    facts: Readonly<Record<string, unknown>>,
  ): Promise<ConfigSnapshot> {
    const loaded = await this.#load(overlayFiles(this.#files, changes));
    const data = { ...facts, ticket: by.ticket, reason: by.reason, hash: loaded.effective.hash };
    await this.#event(action, 'started', by.author, data);
    try {
      this.#write(changes);
    } catch (thrown) {
      await this.#event(action, 'failure', by.author, facts);
      throw thrown;
    }
    const snapshot = await this.#record(loaded, by);
    this.#apply(loaded.effective, snapshot);
    await this.#event(action, 'success', by.author, { ...data, snapshot: snapshot.number });
    return snapshot;
  }

  /** Every file that is replaced or taken away stays beside it as NAME.bak; the configuration itself is last. */
  #write(changes: Changes): void {
    const { config } = this.#parts.paths;
    const ordered = [...changes]
      .sort(([a], [b]) => Number(a === config) - Number(b === config))
      .map(([path, text]) => ({ path, text, before: this.#text(path, MAX_EGRESS_FILE_BYTES) }))
      .filter(({ text, before }) => text !== before);
    for (const { path, before } of ordered)
      if (before !== undefined) this.#files.write(`${path}.bak`, before);
    const isMany = ordered.length > 1;
    const { paths } = this.#parts;
    if (isMany) notePending(this.#files, paths, new Map(ordered.map(({ path, text }) => [path, text])));
    const done: (typeof ordered)[number][] = [];
    try {
      for (const change of ordered) {
        this.#put(change.path, change.text);
        done.push(change);
      }
    } catch (thrown) {
      // A disk that is full in the middle: what was replaced is put back, so that no start finds half a change.
      for (const { path, before } of done) this.#put(path, before);
      throw thrown;
    } finally {
      if (isMany) forgetPending(this.#files, paths);
    }
  }

  #put(path: string, text: string | undefined): void {
    if (text === undefined) this.#files.remove(path);
    else this.#files.write(path, text);
  }

  exported(): ReturnType<ConfigService['exported']> {
    return this.#inTurn(async () => {
      const { snapshot } = this.current();
      const { home, config } = this.#parts.paths;
      const stored = await this.#snapshots.get(snapshot);
      const files: Record<string, string> = { [relative(home, config)]: await this.#ownText(stored) };
      if (stored.egress !== null) files[relative(home, egressPolicyPath(this.#parts.paths))] = stored.egress;
      for (const [name, text] of Object.entries(stored.playbooks))
        files[relative(home, `${this.#parts.paths.playbooks}/${name}.yaml`)] = text;
      return { hash: stored.hash, snapshot, files };
    });
  }

  /** The file as it was written, with its comments, when it alone says what runs; otherwise what the snapshot holds. */
  async #ownText({ hash, config }: { readonly hash: string; readonly config: string }): Promise<string> {
    try {
      const text = this.#text(this.#parts.paths.config, MAX_CONFIG_BYTES);
      if (text === undefined || text.includes('$include')) return config;
      return (await this.#load(this.#files)).effective.hash === hash ? text : config;
    } catch {
      return config;
    }
  }

  #apply(effective: EffectiveConfig, snapshot: ConfigSnapshot): void {
    const previous = this.current();
    this.#run(Object.freeze({ ...effective, snapshot: snapshot.number }));
    for (const listener of this.#listeners) listener(this.current(), previous);
  }

  #record({ effective, input }: LoadedConfig, by: By): Promise<ConfigSnapshot> {
    const playbooks: Record<string, string> = {};
    for (const name of this.#ownPlaybooks()) {
      playbooks[name] = this.#text(`${this.#parts.paths.playbooks}/${name}.yaml`, MAX_PLAYBOOK_BYTES) ?? '';
    }
    const egress = this.#text(egressPolicyPath(this.#parts.paths), MAX_EGRESS_FILE_BYTES) ?? null;
    const config = `${JSON.stringify(input, null, 2)}\n`;
    return this.#snapshots.add({
      ...by,
      hash: effective.hash,
      at: this.#parts.clock.now(),
      config,
      playbooks,
      egress,
    });
  }

  #event(
    action: string,
    outcome: 'started' | 'success' | 'failure',
    author: string,
    data: Readonly<Record<string, unknown>>,
  ): Promise<unknown> {
    return this.#parts.ledger.append({
      type: 'change',
      action,
      outcome,
      subject: { principal: author },
      data,
    });
  }

  #load(files: ConfigFiles): Promise<LoadedConfig> {
    const { paths, env, clock, userHome } = this.#parts;
    return loadConfig({
      paths,
      env,
      files,
      now: clock.now(),
      ...(userHome === undefined ? {} : { userHome }),
    });
  }

  #ownPlaybooks(): readonly string[] {
    const names = this.#files.list(this.#parts.paths.playbooks);
    return names.flatMap((name) => /^([a-z0-9][a-z0-9_-]{0,63})\.yaml$/.exec(name)?.[1] ?? []);
  }

  #text(path: string, limit: number): string | undefined {
    const bytes = this.#files.read(path, limit);
    if (bytes === undefined) return undefined;
    const decoded = decodeText(bytes);
    if (!decoded.ok) throw CONFIG_CODES.error('CONFIG_NOT_UTF8');
    return decoded.text;
  }

  #segments(path: string): readonly Segment[] {
    const segments = parsePath(path);
    if (segments === undefined || segments.length === 0 || isDeepStrictEqual(segments, [''])) {
      throw CONFIG_CODES.error('CONFIG_PATH_UNKNOWN', 'this is not a path like gateway.port');
    }
    if (segments.some((segment) => FORBIDDEN_KEYS.has(segment)))
      throw CONFIG_CODES.error('CONFIG_FORBIDDEN_KEY');
    return segments;
  }
}

/** Whether a file says nothing; one that cannot be read says something. */
function isEmptyText(text: string): boolean {
  const parsed = parseJson5(new TextEncoder().encode(text));
  return parsed.ok && isPlainObject(parsed.value) && Object.keys(parsed.value).length === 0;
}

function issuesOf(thrown: unknown): readonly ConfigIssue[] {
  if (!(thrown instanceof GatehouseError)) throw thrown;
  const listed = thrown.details['issues'];
  if (Array.isArray(listed)) return listed as readonly ConfigIssue[];
  const issues = new Issues();
  issues.error([], 'CONFIG_INVALID', { message: thrown.message, fix: thrown.fix });
  return issues.errors;
}
