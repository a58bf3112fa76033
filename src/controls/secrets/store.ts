import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { SECRETS_CODES } from './codes.ts';
import { type RedactingStream, Redactor } from './redactor.ts';
import type { SecretBinding } from './reference.ts';
import { type ResolveOptions, resolveSecret } from './resolve.ts';

const PLACEHOLDER = /\{\{secret:([A-Za-z0-9_.:/-]{1,128})\}\}/g;
const PLACEHOLDER_START = '{{secret:';
/** The same in a request target, where braces are percent-encoded. */
const TARGET_PLACEHOLDER = /(.{0,4000}?)%7B%7Bsecret:([A-Za-z0-9_.:/-]{1,128})%7D%7D/g;
const TARGET_START = '%7B%7Bsecret:';
/** `target:/bot{}`: behind which text of the target the value goes. */
const TARGET_BINDING = 'target:';
const MAX_PRESENTED = 10;

function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

interface Held {
  readonly binding: SecretBinding;
  readonly value: string;
}

/** The values, in the egress process only. They leave by `fill`, for the host they are bound to. */
export class SecretStore {
  readonly #redactor = new Redactor();
  #secrets: ReadonlyMap<string, Held> = new Map();
  #others: readonly string[] = [];
  /** Values of open runs, by who holds them. */
  readonly #borrowed = new Map<object, readonly string[]>();

  /**
   * Resolve every reference, then replace all values at once; on any failure the old ones stay. `others` are values
   * that are kept elsewhere and hidden here too.
   *
   * @throws SECRETS_UNRESOLVED, SECRETS_FILE_PERMISSIONS, SECRETS_VALUE_INVALID
   */
  async load(
    references: readonly SecretBinding[],
    options: ResolveOptions,
    others: readonly string[] = [],
  ): Promise<void> {
    const resolved = await Promise.all(
      references.map(
        async (binding) => [binding.name, { binding, value: await resolveSecret(binding, options) }] as const,
      ),
    );
    this.#secrets = new Map(resolved);
    this.#others = others;
    this.#register();
  }

  /** Hide these values too for as long as somebody holds them; an empty list lets them go. */
  hide(holder: object, values: readonly string[]): void {
    if (values.length === 0) this.#borrowed.delete(holder);
    else this.#borrowed.set(holder, values);
    this.#register();
  }

  #register(): void {
    const own = [...this.#secrets.values()].map(({ value }) => value);
    this.#redactor.register([...own, ...this.#others, ...[...this.#borrowed.values()].flat()]);
  }

  /** Names and hosts, never values. */
  list(): readonly { readonly name: string; readonly host: string; readonly available: boolean }[] {
    return [...this.#secrets.values()].map(({ binding }) => ({
      name: binding.name,
      host: binding.host,
      available: true,
    }));
  }

  /**
   * Put values in for placeholders of a header. Anything that begins like a placeholder and is none is refused,
   * so that a broken one is never sent as if it were a value. A value goes into exactly the header that it is bound
   * to: a gateway that was taken over cannot have it repeated, multiplied or put where a host would log it.
   *
   * @throws SECRET_UNKNOWN, SECRET_WRONG_HOST, SECRET_WRONG_PLACE
   */
  fill(
    header: string,
    text: string,
    target: { readonly host: string; readonly port: number },
  ): { readonly value: string; readonly names: readonly string[] } {
    if (!text.includes(PLACEHOLDER_START)) return { value: text, names: [] };
    if (text.replace(PLACEHOLDER, '').includes(PLACEHOLDER_START))
      throw SECRETS_CODES.error('SECRET_UNKNOWN');
    const place = `${header.toLowerCase()}: ${text.replace(PLACEHOLDER, '{}')}`;
    const names: string[] = [];
    const value = text.replace(PLACEHOLDER, (_match, name: string) => {
      const held = this.#secrets.get(name);
      if (held === undefined)
        throw SECRETS_CODES.error('SECRET_UNKNOWN', undefined, { details: { secret: name } });
      const { host, port } = held.binding;
      if (host !== target.host || port !== target.port) {
        throw SECRETS_CODES.error(
          'SECRET_WRONG_HOST',
          `the secret ${name} is bound to another host than ${target.host}`,
          {
            details: { secret: name, host: target.host, port: target.port },
          },
        );
      }
      if (held.binding.header !== place)
        throw SECRETS_CODES.error('SECRET_WRONG_PLACE', undefined, { details: { secret: name } });
      names.push(name);
      return held.value;
    });
    return { value, names };
  }

  /**
   * As `fill`, for the target of a request, where placeholders are percent-encoded. Only a secret that is bound to a
   * place in the target goes there, and only behind exactly the text that it is bound behind.
   *
   * @throws SECRET_UNKNOWN, SECRET_WRONG_HOST
   */
  fillTarget(
    path: string,
    target: { readonly host: string; readonly port: number },
  ): { readonly value: string; readonly names: readonly string[] } {
    if (!path.includes(TARGET_START)) return { value: path, names: [] };
    const names: string[] = [];
    const value = path.replace(TARGET_PLACEHOLDER, (_match, before: string, name: string) => {
      const held = this.#secrets.get(name);
      if (held === undefined || held.binding.header?.startsWith(TARGET_BINDING) !== true) {
        throw SECRETS_CODES.error('SECRET_UNKNOWN', undefined, { details: { secret: name } });
      }
      const { host, port, header } = held.binding;
      const place = (header ?? '').slice(TARGET_BINDING.length).split('{}')[0] ?? '';
      if (host !== target.host || port !== target.port || place === '' || !before.endsWith(place)) {
        throw SECRETS_CODES.error('SECRET_WRONG_HOST', undefined, {
          details: { secret: name, host: target.host },
        });
      }
      names.push(name);
      return `${before}${encodeURIComponent(held.value).replaceAll('%3A', ':')}`;
    });
    if (value.includes(TARGET_START)) throw SECRETS_CODES.error('SECRET_UNKNOWN');
    if (new Set(names).size !== names.length) throw SECRETS_CODES.error('SECRET_WRONG_PLACE');
    return { value, names };
  }

  /** Whether a value that came from outside is right; compared in constant time, and only for secrets meant for it. */
  verify(
    name: string,
    how: 'hmac-sha256' | 'equal',
    data: Uint8Array,
    presented: readonly string[],
  ): boolean {
    const value = this.#verifier(name, how);
    const wanted = how === 'equal' ? digestOf(Buffer.from(value)) : this.#macOf(value, data);
    // No early end: how many were compared tells nothing.
    return presented.slice(0, MAX_PRESENTED).reduce((found, text) => {
      const given = how === 'equal' ? digestOf(Buffer.from(text)) : Buffer.from(text, 'base64');
      return (given.length === wanted.length && timingSafeEqual(given, wanted)) || found;
    }, false);
  }

  /** HMAC-SHA256 of the data under a secret that is meant for it, in base64. @throws SECRET_UNKNOWN */
  mac(name: string, data: Uint8Array): string {
    return this.#macOf(this.#verifier(name, 'hmac-sha256'), data).toString('base64');
  }

  #macOf(value: string, data: Uint8Array): Buffer {
    const key = value.startsWith('whsec_') ? Buffer.from(value.slice(6), 'base64') : Buffer.from(value);
    return createHmac('sha256', key).update(data).digest();
  }

  #verifier(name: string, how: string): string {
    const held = this.#secrets.get(name);
    if (held === undefined || held.binding.header !== `verify:${how}`) {
      throw SECRETS_CODES.error('SECRET_UNKNOWN', undefined, { details: { secret: name } });
    }
    return held.value;
  }

  /**
   * The value itself, for a protocol that egress speaks by its own hand: only for the host and the place that the
   * secret is bound to.
   *
   * @throws SECRET_UNKNOWN, SECRET_WRONG_HOST
   */
  credential(name: string, place: string, target: { readonly host: string; readonly port: number }): string {
    const held = this.#secrets.get(name);
    if (held === undefined || held.binding.header !== place)
      throw SECRETS_CODES.error('SECRET_UNKNOWN', undefined, { details: { secret: name } });
    const { host, port } = held.binding;
    if (host !== target.host || port !== target.port)
      throw SECRETS_CODES.error('SECRET_WRONG_HOST', undefined, {
        details: { secret: name, host: target.host },
      });
    return held.value;
  }

  redact(text: string): string {
    return this.#redactor.redact(text);
  }

  /** A mask for one response; undefined when there is nothing to hide. */
  stream(): RedactingStream | undefined {
    return this.#redactor.empty ? undefined : this.#redactor.stream();
  }
}
