import { randomBytes } from 'node:crypto';
import type { Alerts, Sighting, Tripwire } from '../../../kernel/index.ts';
import type { Honeytoken, Planted } from './file.ts';
import { printOf, WINDOW, WindowSearch } from './windows.ts';

const KEY_BYTES = 32;

type Prints = ReadonlyMap<number, readonly { readonly digest: string; readonly id: string }[]>;

function index(tokens: readonly Honeytoken[]): Prints {
  const prints = new Map<number, { digest: string; id: string }[]>();
  for (const { id, prints: own } of tokens) {
    for (const { roll, digest } of own) prints.set(roll, [...(prints.get(roll) ?? []), { digest, id }]);
  }
  return prints;
}

/** The tripwire of one process. What is planted is put in with `load`; until then nothing trips it. */
export class HoneytokenTripwire implements Tripwire {
  readonly #alerts: Alerts;
  #tokens: ReadonlyMap<string, Honeytoken> = new Map();
  #prints: Prints = new Map();
  #key = '';
  #planted: Planted | undefined;
  readonly #decoys = new Map<string, string>();

  constructor(alerts: Alerts) {
    this.#alerts = alerts;
  }

  load(planted: Planted | undefined): void {
    this.#planted = planted;
    this.#key = planted?.key ?? randomBytes(KEY_BYTES).toString('hex');
    const decoys = [...this.#decoys].map(([id, text]) => this.#decoyToken(id, text));
    const tokens = [...(planted?.tokens ?? []), ...decoys];
    this.#tokens = new Map(tokens.map((token) => [token.id, token]));
    this.#prints = index(tokens);
  }

  /** A credential that is planted nowhere and known to this process until it is disposed of, for a drill. */
  decoy(id: string, text: string): Disposable {
    this.#decoys.set(id, text);
    this.load(this.#planted);
    return {
      [Symbol.dispose]: () => {
        this.#decoys.delete(id);
        this.load(this.#planted);
      },
    };
  }

  #decoyToken(id: string, text: string): Honeytoken {
    const prints = [printOf(this.#key, text.slice(-WINDOW))];
    const place = { agent: 'a drill', path: '(nowhere)', by: 'drill', note: '', whole: '' };
    return { id, kind: 'gatehouse', at: 0, prints, ...place };
  }

  /** Which planted credentials a text holds, without telling anybody. */
  find(text: string | Uint8Array): readonly string[] {
    if (this.#prints.size === 0) return [];
    return this.#search().push(typeof text === 'string' ? Buffer.from(text) : text);
  }

  trips(text: string, seen: Sighting): boolean {
    const found = this.find(text);
    for (const id of found) this.#tell(id, seen);
    return found.length > 0;
  }

  watch(seen: Sighting): ((chunk: Uint8Array) => boolean) | undefined {
    if (this.#prints.size === 0) return undefined;
    const search = this.#search();
    return (chunk) => {
      const found = search.push(chunk);
      for (const id of found) this.#tell(id, seen);
      return found.length > 0;
    };
  }

  #search(): WindowSearch {
    return new WindowSearch(this.#key, this.#prints);
  }

  #tell(id: string, { where, subject, data }: Sighting): void {
    const token = this.#tokens.get(id);
    if (token === undefined) return;
    const { kind, agent, path } = token;
    this.#alerts.raise({
      rule: 'honeytoken.used',
      code: 'HONEYTOKEN_USED',
      severity: 'critical',
      title: `a planted ${kind} credential of ${agent} turned up in ${where}`,
      fix: `Whoever had it read ${path}. Stop the session or block the address, look at what else it read (gatehouse ledger tail), and plant a new one.`,
      key: `${id} ${where} ${subject?.run ?? subject?.session ?? ''}`,
      ...(subject === undefined ? {} : { subject }),
      data: { honeytoken: id, kind, path, where, ...data },
    });
  }
}
