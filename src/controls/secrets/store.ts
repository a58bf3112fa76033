import { SECRETS_CODES } from './codes.ts';
import { type RedactingStream, Redactor } from './redactor.ts';
import type { SecretBinding } from './reference.ts';
import { type ResolveOptions, resolveSecret } from './resolve.ts';

const PLACEHOLDER = /\{\{secret:([A-Za-z0-9_.:/-]{1,128})\}\}/g;
const PLACEHOLDER_START = '{{secret:';

interface Held {
  readonly binding: SecretBinding;
  readonly value: string;
}

/** The values, in the egress process only. They leave by `fill`, for the host they are bound to. */
export class SecretStore {
  readonly #redactor = new Redactor();
  #secrets: ReadonlyMap<string, Held> = new Map();

  /**
   * Resolve every reference, then replace all values at once; on any failure the old ones stay.
   *
   * @throws SECRETS_UNRESOLVED, SECRETS_FILE_PERMISSIONS, SECRETS_VALUE_INVALID
   */
  async load(references: readonly SecretBinding[], options: ResolveOptions): Promise<void> {
    const resolved = await Promise.all(
      references.map(
        async (binding) => [binding.name, { binding, value: await resolveSecret(binding, options) }] as const,
      ),
    );
    this.#secrets = new Map(resolved);
    this.#redactor.register(resolved.map(([, { value }]) => value));
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
   * so that a broken one is never sent as if it were a value.
   *
   * @throws SECRET_UNKNOWN, SECRET_WRONG_HOST
   */
  fill(
    text: string,
    target: { readonly host: string; readonly port: number },
  ): { readonly value: string; readonly names: readonly string[] } {
    if (!text.includes(PLACEHOLDER_START)) return { value: text, names: [] };
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
      names.push(name);
      return held.value;
    });
    const left = text.replace(PLACEHOLDER, '');
    if (left.includes(PLACEHOLDER_START)) throw SECRETS_CODES.error('SECRET_UNKNOWN');
    return { value, names };
  }

  redact(text: string): string {
    return this.#redactor.redact(text);
  }

  /** A mask for one response; undefined when there is nothing to hide. */
  stream(): RedactingStream | undefined {
    return this.#redactor.empty ? undefined : this.#redactor.stream();
  }
}
