import { createHash, createPrivateKey, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type AuthorityFiles, createAuthority, InterceptionAuthority } from '../../controls/egress/index.ts';
import type { Clock } from '../../kernel/index.ts';

/** Where systems keep the authorities that everybody trusts, in one file. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];
const KEY_BYTES = 32;

export interface TrustedAuthority {
  readonly authority: InterceptionAuthority;
  /** What runs trust: the system's authorities and this one. Holds nothing secret. */
  readonly bundle: string;
}

/**
 * The authority of this install, made when the first run needs it and replaced before it ends (attack 46: its key is
 * in the key folder, mode 0600, and in this process). Runs keep the one that they were opened with.
 */
export class Interceptor {
  readonly #keys: string;
  readonly #trust: string;
  readonly #clock: Clock;
  readonly #onNew: (authority: InterceptionAuthority) => void;
  #current: TrustedAuthority | undefined;

  constructor(parts: {
    readonly keys: string;
    readonly run: string;
    readonly clock: Clock;
    /** Told of every authority that is made, so that it is recorded. */
    onNew(authority: InterceptionAuthority): void;
  }) {
    this.#keys = parts.keys;
    this.#trust = join(parts.run, 'trust');
    this.#clock = parts.clock;
    this.#onNew = parts.onNew;
  }

  /** The one in use, if any was needed so far or one lies in the key folder. */
  known(): InterceptionAuthority | undefined {
    if (this.#current !== undefined) return this.#current.authority;
    const files = readFiles(this.#keys);
    return files === undefined ? undefined : new InterceptionAuthority(files);
  }

  async authority(): Promise<TrustedAuthority> {
    const now = this.#clock.now();
    if (
      this.#current !== undefined &&
      !this.#current.authority.due(now) &&
      existsSync(this.#current.bundle)
    ) {
      return this.#current;
    }
    const found = readFiles(this.#keys);
    let authority = found === undefined ? undefined : new InterceptionAuthority(found);
    if (authority === undefined || authority.due(now)) authority = this.#make(now);
    this.#current = { authority, bundle: await this.#writeBundle(authority) };
    return this.#current;
  }

  /** Take a new authority now; runs that are open keep theirs. */
  async rotate(): Promise<InterceptionAuthority> {
    const authority = this.#make(this.#clock.now());
    this.#current = { authority, bundle: await this.#writeBundle(authority) };
    return authority;
  }

  #make(now: number): InterceptionAuthority {
    const files = createAuthority(now);
    writeFiles(this.#keys, files);
    const authority = new InterceptionAuthority(files);
    this.#onNew(authority);
    return authority;
  }

  async #writeBundle({ certificate, fingerprint }: InterceptionAuthority): Promise<string> {
    mkdirSync(this.#trust, { recursive: true, mode: 0o700 });
    const system = await systemAuthorities();
    const text = `${system.trimEnd()}\n${certificate}`;
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 8);
    const path = join(this.#trust, `${fingerprint.slice(0, 16)}-${digest}.pem`);
    if (existsSync(path)) return path;
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, path);
    for (const name of readdirSync(this.#trust)) {
      // The one before may still be mounted; a mount keeps its file.
      if (join(this.#trust, name) !== path) rmSync(join(this.#trust, name), { force: true });
    }
    return path;
  }
}

async function systemAuthorities(): Promise<string> {
  const file = SYSTEM_BUNDLES.find((path) => existsSync(path));
  if (file !== undefined) return readFileSync(file, 'utf8');
  const { rootCertificates } = await import('node:tls');
  return rootCertificates.join('\n');
}

/** Key and certificate in one file, so that they always belong together. */
function readFiles(keys: string): AuthorityFiles | undefined {
  const path = join(keys, 'interception.pem');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
  chmodSync(path, 0o600);
  const at = text.indexOf('-----BEGIN CERTIFICATE-----');
  return { key: createPrivateKey(text.slice(0, at)), certificate: text.slice(at) };
}

/** Written whole or not at all (attack 99). */
function writeFiles(keys: string, { key, certificate }: AuthorityFiles): void {
  const path = join(keys, 'interception.pem');
  const draft = `${path}.${process.pid}`;
  const pem = `${key.export({ type: 'pkcs8', format: 'pem' })}${certificate}`;
  writeFileSync(draft, pem, { mode: 0o600, flush: true });
  renameSync(draft, path);
}

/** What makes placeholders impossible to guess; the same after a restart, so that sessions keep theirs. */
export function openPlaceholderKey(keys: string): Uint8Array {
  const path = join(keys, 'placeholders.key');
  try {
    const key = readFileSync(path);
    chmodSync(path, 0o600);
    if (key.length === KEY_BYTES) return key;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
  }
  rmSync(path, { force: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, randomBytes(KEY_BYTES), { mode: 0o600, flush: true });
  try {
    linkSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(path);
}
