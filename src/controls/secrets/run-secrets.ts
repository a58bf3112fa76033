import { createHmac } from 'node:crypto';
import { SECRETS_CODES } from './codes.ts';
import { mentionsMasked } from './placeholder.ts';
import { MIN_REDACTED_LENGTH } from './redactor.ts';
import type { RunSecretBinding, WorkspaceSelector } from './reference.ts';
import { type ResolveOptions, resolveSecret } from './resolve.ts';
import { parsePlace, RUN_PLACEHOLDER_START, type SecretPlace } from './run-place.ts';
import type { RunPlaceholders } from './run-placeholders.ts';
import type { WantedSecret } from './workspace/offer.ts';

const ANY_START = /gatehouse_secret_/i;
const DIGEST_CHARACTERS = 40;

interface Held {
  readonly binding: RunSecretBinding;
  readonly places: readonly SecretPlace[];
  /** Undefined for a secret of the workspace: each run has its own. */
  readonly value: string | undefined;
}

/** A secret that is found in a request, with the value that goes there. */
interface Found extends Held {
  readonly value: string;
}

/** What a run asked for, with its secrets found and not yet put in. */
interface SecretPlan {
  /** Each once, in the order in which they stand. */
  readonly names: readonly string[];
  /** Headers and target with the values in place; leaves this process only towards the bound host. */
  fill(): { readonly headers: readonly string[]; readonly target: string };
}

interface PlannedRequest {
  readonly host: string;
  readonly port: number;
  /** Flat, as Node takes them. */
  readonly headers: readonly string[];
  /** Path and query. */
  readonly target: string;
  /** See RunSecrets.plan. */
  readonly attach?: string;
}

/** Facts about one secret, never its value. */
interface RunSecretFacts {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly places: readonly string[];
  readonly source: string;
  /** Unix milliseconds; null until it is used. */
  readonly lastUsedAt: number | null;
  readonly uses: number;
}

/** Secrets that runs use without ever holding them (E6, K2). Lives in egress alone. */
export class RunSecretStore {
  readonly #key: Uint8Array;
  readonly #used = new Map<string, { at: number; count: number }>();
  #secrets: ReadonlyMap<string, Held> = new Map();

  /** `key`: 32 bytes that make placeholders impossible to guess. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /**
   * Resolve every reference and return the values for the redactor; nothing is replaced before `commit`, so that a
   * failure leaves the old ones.
   *
   * @throws SECRETS_UNRESOLVED, SECRETS_FILE_PERMISSIONS, SECRETS_VALUE_INVALID
   */
  async prepare(
    bindings: readonly RunSecretBinding[],
    options: ResolveOptions,
  ): Promise<{ readonly values: readonly string[]; commit(): void }> {
    const held = await Promise.all(
      bindings.map(async (binding) => {
        const places = binding.places.map(parsePlace).filter((place) => place !== undefined);
        const value = await valueOf(binding, options);
        return [binding.name, { binding, places, value }] as const;
      }),
    );
    const short = held.find(([, { value }]) => value !== undefined && value.length < MIN_REDACTED_LENGTH);
    if (short !== undefined) {
      const message = `the secret ${short[0]} is too short to be found again in an answer`;
      throw SECRETS_CODES.error('SECRETS_VALUE_INVALID', message, { details: { reference: short[0] } });
    }
    const next = new Map(held);
    return {
      values: held.flatMap(([, { value }]) => value ?? []),
      commit: () => {
        this.#secrets = next;
      },
    };
  }

  list(): readonly RunSecretFacts[] {
    return [...this.#secrets.values()].map(({ binding }) => {
      const used = this.#used.get(binding.name);
      return {
        name: binding.name,
        hosts: binding.hosts.map(({ host, port }) => `${host}:${port}`),
        places: binding.places,
        source: binding.source,
        lastUsedAt: used?.at ?? null,
        uses: used?.count ?? 0,
      };
    });
  }

  /** Hosts that a secret may go to; empty when there is no such secret. */
  hostsOf(name: string): readonly string[] {
    return this.#secrets.get(name)?.binding.hosts.map(({ host }) => host) ?? [];
  }

  /** Those of the names that stand for credentials of a workspace, and for which. */
  wanted(names: readonly string[]): readonly WantedSecret[] {
    return names.flatMap((name) => {
      const binding = this.#secrets.get(name)?.binding;
      if (binding?.source !== 'workspace') return [];
      return [{ name, selector: JSON.parse(binding.id) as WorkspaceSelector }];
    });
  }

  /** Remember a use, for the operator. */
  used(name: string, at: number): void {
    const known = this.#used.get(name);
    this.#used.set(name, { at, count: (known?.count ?? 0) + 1 });
  }

  /**
   * The placeholders of one run, by name. The same agent and session get the same ones; nobody who has not been
   * given one can make one up (attack 84).
   */
  placeholders(scope: string, names: readonly string[]): ReadonlyMap<string, string> {
    const known = names.filter((name) => this.#secrets.get(name)?.value !== undefined);
    return new Map(known.map((name) => [name, this.#placeholder(scope, name)]));
  }

  #placeholder(scope: string, name: string): string {
    const digest = createHmac('sha256', this.#key)
      .update(JSON.stringify([scope, name]))
      .digest('hex');
    return `${RUN_PLACEHOLDER_START}${digest.slice(0, DIGEST_CHARACTERS)}`;
  }

  /**
   * Find the placeholders of a request and judge where they stand and where it goes. A placeholder that is split,
   * repeated, decorated or somebody else's is refused, so that a broken one is never sent on as if it were a value.
   *
   * @throws SECRET_UNKNOWN, SECRET_NOT_BOUND, SECRET_WRONG_HOST, SECRET_WRONG_PLACE
   */
  plan(own: RunPlaceholders, request: PlannedRequest): SecretPlan {
    const headers = [...request.headers];
    const filled: { readonly name: string; readonly apply: () => void }[] = [];
    const note = (name: string, apply: () => void): void => {
      if (filled.some((one) => one.name === name)) throw wrongPlace(name);
      filled.push({ name, apply });
    };
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const found = this.#inHeader(own, request, headers[at] ?? '', headers[at + 1] ?? '');
      if (found === undefined) continue;
      note(found.name, () => {
        headers[at + 1] = found.filled();
      });
    }
    let { target } = request;
    for (const { name, part, filledPart } of this.#inQuery(own, request)) {
      note(name, () => {
        target = target.replace(part, () => filledPart);
      });
    }
    const attached = this.#attached(own, request);
    if (attached !== undefined && !filled.some(({ name }) => name === attached.name)) {
      note(attached.name, () => {
        const others = headers.filter(
          (_, at) => (headers[at - (at % 2)] ?? '').toLowerCase() !== attached.header,
        );
        headers.splice(0, headers.length, ...others, attached.header, attached.value);
      });
    }
    return {
      names: filled.map(({ name }) => name),
      fill: () => {
        for (const { apply } of filled) apply();
        return { headers, target };
      },
    };
  }

  /** The header of a secret that a rule puts in; undefined when this run may not use it now, and so goes without. */
  #attached(own: RunPlaceholders, { attach, host, port }: PlannedRequest) {
    const held = attach !== undefined && own.has(attach) ? this.#secrets.get(attach) : undefined;
    if (attach === undefined || held?.value === undefined) return undefined;
    if (!held.binding.hosts.some((bound) => bound.host === host && bound.port === port))
      throw wrongHost(attach, host, port);
    const place = held.places.find((one) => one.kind === 'header' && !one.basic);
    if (place?.kind !== 'header') throw wrongPlace(attach);
    return { name: attach, header: place.name, value: `${place.before}${held.value}` };
  }

  #inHeader(
    own: RunPlaceholders,
    request: PlannedRequest,
    name: string,
    value: string,
  ): { readonly name: string; filled(): string } | undefined {
    const lower = name.toLowerCase();
    if (mentioned(name)) throw SECRETS_CODES.error('SECRET_UNKNOWN');
    const basic = lower === 'authorization' ? basicParts(value) : undefined;
    if (basic !== undefined && basic.some(mentioned)) {
      const at = mentioned(basic[1]) ? 1 : 0;
      if (mentioned(basic[1 - at] ?? '')) throw SECRETS_CODES.error('SECRET_UNKNOWN');
      const held = this.#bound(own, request, basic[at] ?? '');
      if (!held.places.some((place) => place.kind === 'header' && place.basic))
        throw wrongPlace(held.binding.name);
      const parts = at === 0 ? [held.value, basic[1]] : [basic[0], held.value];
      return {
        name: held.binding.name,
        filled: () => `Basic ${Buffer.from(parts.join(':')).toString('base64')}`,
      };
    }
    if (!mentioned(value)) return undefined;
    const start = startOf(own, value);
    const held = this.#bound(own, request, value.slice(start));
    const before = value.slice(0, start);
    const place = held.places.find(
      (one) =>
        one.kind === 'header' &&
        !one.basic &&
        one.name === lower &&
        one.before.toLowerCase() === before.toLowerCase(),
    );
    if (place === undefined) throw wrongPlace(held.binding.name);
    return { name: held.binding.name, filled: () => `${before}${held.value}` };
  }

  #inQuery(own: RunPlaceholders, request: PlannedRequest) {
    const { target } = request;
    if (!mentioned(target)) return [];
    const question = target.indexOf('?');
    if (question < 0 || mentioned(target.slice(0, question))) throw SECRETS_CODES.error('SECRET_WRONG_PLACE');
    const parts = target.slice(question + 1).split('&');
    return parts.flatMap((part) => {
      if (!mentioned(part)) return [];
      const [key = '', ...rest] = part.split('=');
      const held = this.#bound(own, request, rest.join('='));
      const { name } = held.binding;
      if (!held.places.some((place) => place.kind === 'query' && place.name === key)) throw wrongPlace(name);
      return [{ name, part, filledPart: `${key}=${encodeURIComponent(held.value)}` }];
    });
  }

  /** The secret of exactly this placeholder, if it may go where the request goes. */
  #bound(own: RunPlaceholders, { host, port }: PlannedRequest, text: string): Found {
    const known = own.find(text);
    // The binding is the one of now: a reload takes a value of the workspace away like any other.
    const held = known === undefined ? undefined : this.#secrets.get(known.name);
    const value = known?.value === undefined ? held?.value : known.value;
    if (held === undefined || value === undefined) {
      if (mentionsMasked(text))
        throw SECRETS_CODES.error('SECRET_NOT_BOUND', undefined, { details: { host } });
      throw SECRETS_CODES.error('SECRET_UNKNOWN', 'the placeholder is none of this run');
    }
    if (held.binding.hosts.some((bound) => bound.host === host && bound.port === port))
      return { ...held, value };
    throw wrongHost(held.binding.name, host, port);
  }
}

function wrongHost(secret: string, host: string, port: number): Error {
  const message = `the secret ${secret} is bound to another host than ${host}`;
  return SECRETS_CODES.error('SECRET_WRONG_HOST', message, { details: { secret, host, port } });
}

function wrongPlace(secret: string): Error {
  return SECRETS_CODES.error('SECRET_WRONG_PLACE', undefined, { details: { secret } });
}

/** User name and password, when the value is exactly one well-formed form of them (RFC 7617). */
function basicParts(value: string): readonly [string, string] | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) return undefined;
  const text = bytes.toString('latin1');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : [text.slice(0, colon), text.slice(colon + 1)];
}

/** A value that is resolved once for all runs; none for what lies in workspaces. */
function valueOf(binding: RunSecretBinding, options: ResolveOptions): Promise<string | undefined> {
  const { source } = binding;
  return source === 'workspace'
    ? Promise.resolve(undefined)
    : resolveSecret({ name: binding.name, source, id: binding.id }, options);
}

const mentioned = (text: string): boolean => ANY_START.test(text) || mentionsMasked(text);

/** Where the placeholder begins that a value ends with; a masked one may have the kind of its credential before it. */
function startOf(own: RunPlaceholders, value: string): number {
  const declared = value.toLowerCase().indexOf(RUN_PLACEHOLDER_START);
  if (declared >= 0) return declared;
  return value.length - (own.atEnd(value)?.length ?? value.length);
}

/** Whether a text holds something that begins like a placeholder of a run, in plain or as Basic credentials. */
export function mentionsPlaceholder(text: string): boolean {
  return mentioned(text) || (basicParts(text)?.some(mentioned) ?? false);
}
