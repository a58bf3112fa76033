import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { openDatabase } from '../../../drivers/sqlite/index.ts';
import type { Ledger, LedgerEvent } from '../../../kernel/index.ts';
import type { LimiterSettings } from '../limiter.ts';
import { createAuthService, type RunningAuth } from '../service.ts';
import { type AuthTables, migrations } from '../tables.ts';
import type { SetTimer } from '../timer.ts';
import type { DeviceClaim, PeerFacts } from '../types.ts';

/** A ledger that keeps events in memory and can be made to fail. */
export class MemoryLedger implements Ledger {
  readonly events: LedgerEvent[] = [];
  isBroken = false;

  async append(event: LedgerEvent) {
    if (this.isBroken) throw new Error('the disk is full');
    this.events.push(event);
    return { writer: 'test', seq: this.events.length, hash: '' };
  }

  codes(): readonly string[] {
    return this.events.map((event) => event.code ?? event.action);
  }
}

/** A clock that stands still until it is moved, with the timers that hang on it. */
export class ManualTime {
  wall = 1_800_000_000_000;
  mono = 0;
  readonly delays: number[] = [];
  readonly #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.wall;
  }

  monotonic(): number {
    return this.mono;
  }

  readonly setTimer: SetTimer = (ms, run) => {
    const timer = { at: this.mono + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  readonly delay = async (ms: number): Promise<void> => {
    this.delays.push(ms);
  };

  advance(ms: number): void {
    this.wall += ms;
    this.mono += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.mono) continue;
      this.#timers.delete(timer);
      timer.run();
    }
  }
}

export interface TestAuth extends AsyncDisposable {
  readonly auth: RunningAuth;
  readonly ledger: MemoryLedger;
  readonly time: ManualTime;
  readonly dump: () => string;
}

/** Authentication over a fresh store in memory. */
export async function testAuth(limits?: LimiterSettings): Promise<TestAuth> {
  const database = openDatabase<AuthTables>(':memory:');
  await database.migrate(migrations);
  const ledger = new MemoryLedger();
  const time = new ManualTime();
  const auth = createAuthService({
    db: database.db,
    clock: time,
    random: { bytes: (size) => randomBytes(size), uuid: () => randomUUID() },
    ledger,
    setTimer: time.setTimer,
    delay: time.delay,
    ...(limits === undefined ? {} : { limits }),
  });
  return {
    auth,
    ledger,
    time,
    dump: () =>
      JSON.stringify([
        database.raw.prepare('select * from auth_tokens').all(),
        database.raw.prepare('select * from auth_devices').all(),
        ledger.events,
      ]),
    [Symbol.asyncDispose]: async () => {
      await auth.close();
      database.close();
    },
  };
}

export function peer(address = '127.0.0.1', surface: PeerFacts['surface'] = 'ws'): PeerFacts {
  return { address, userAgent: 'test/1', surface };
}

export interface ClaimOptions {
  readonly scopes?: readonly string[];
  readonly role?: string;
  readonly platform?: string;
  readonly signedAt?: number;
  readonly version?: 'v2' | 'v3';
  readonly secret?: string;
  readonly challenge?: string;
}

/** A device with its own Ed25519 key that signs as OpenClaw's client does. */
export function testDevice(now: () => number) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const id = createHash('sha256').update(raw).digest('hex');

  function claim(options: ClaimOptions = {}): DeviceClaim {
    const {
      scopes = ['operator.read'],
      role = 'operator',
      platform = 'Linux',
      challenge = 'nonce-1',
    } = options;
    const signedAt = options.signedAt ?? now();
    const version = options.version ?? 'v3';
    const shared = [
      id,
      'cli',
      'cli',
      role,
      scopes.join(','),
      String(signedAt),
      options.secret ?? '',
      challenge,
    ];
    const fields = version === 'v3' ? ['v3', ...shared, platform.toLowerCase(), ''] : ['v2', ...shared];
    const signature = sign(null, Buffer.from(fields.join('|')), privateKey).toString('base64url');
    const proof = { id, publicKey: raw.toString('base64url'), signature, signedAt, nonce: challenge };
    return {
      proof,
      clientId: 'cli',
      clientMode: 'cli',
      role,
      scopes,
      platform,
      deviceFamily: '',
      displayName: 'a laptop',
      challenge,
    };
  }

  return { id, claim };
}
