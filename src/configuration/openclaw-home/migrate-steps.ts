import { isPlainObject } from '../objects.ts';
import { isPlainSecret, isReference } from './look.ts';

/** What happened to one setting on the way. */
export interface Change {
  /** Dotted path in OpenClaw's configuration. */
  readonly path: string;
  /** `unused`: it has nothing to act on here; `yours`: the operator decides. */
  readonly kind: 'tightened' | 'left-out' | 'secret' | 'yours' | 'unused';
  readonly what: string;
  readonly why: string;
}

/** A value that stood in the file and that the operator has to put where egress finds it. */
export interface MovedSecret {
  readonly path: string;
  /** Name of the environment variable that the new configuration refers to. */
  readonly variable: string;
}

export type Draft = Record<string, unknown>;
type Note = (change: Change) => void;

/** Keys that hold a credential of the place they stand in; the same words as in our own schema. */
const SECRET_KEYS = new Set([
  'apiKey',
  'botToken',
  'webhookSecret',
  'appToken',
  'signingSecret',
  'token',
  'secret',
  'appPassword',
  'password',
]);
const MAX_NAME = 120;

function section(draft: Draft, name: string): Draft | undefined {
  const value = draft[name];
  return isPlainObject(value) ? (value as Draft) : undefined;
}

/** `channels.telegram.accounts.work.botToken` → `TELEGRAM_WORK_BOT_TOKEN`. */
export function variableOf(path: string): string {
  const words = path
    .split('.')
    .filter((word) => !['channels', 'models', 'providers', 'accounts'].includes(word))
    .join('_');
  const name = words
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();
  return (/^[A-Z]/.test(name) ? name : `SECRET_${name}`).slice(0, MAX_NAME);
}

/** Values leave the file: only a reference goes on, and the operator is told which variable it names (K1). */
export function moveSecrets(draft: Draft, note: Note): readonly MovedSecret[] {
  const moved: MovedSecret[] = [];
  const walk = (value: unknown, path: string): void => {
    if (!isPlainObject(value)) return;
    for (const [key, item] of Object.entries(value)) {
      const at = path === '' ? key : `${path}.${key}`;
      if (SECRET_KEYS.has(key) && isPlainSecret(item)) {
        const variable = variableOf(at);
        (value as Draft)[key] = `\${${variable}}`;
        moved.push({ path: at, variable });
        note({
          path: at,
          kind: 'secret',
          what: `now refers to \${${variable}}`,
          why: 'configuration holds references only: whoever reads the file, a backup or a ticket gets no credential',
        });
      } else if (SECRET_KEYS.has(key) && isPlainObject(item) && isReference(item)) {
        if (item['source'] === 'env') delete (item as Draft)['provider'];
      } else walk(item, at);
    }
  };
  for (const name of ['models', 'channels']) walk(draft[name], name);
  return moved;
}

/** Listening: what others can reach needs TLS, an address list and a grant, which nobody can guess (L1). */
export function narrowListening(draft: Draft, note: Note): void {
  const gateway = section(draft, 'gateway');
  const auth = gateway === undefined ? undefined : section(gateway, 'auth');
  const bind = gateway?.['bind'];
  if (
    typeof bind === 'string' &&
    !['loopback', 'localhost', '127.0.0.1', 'auto'].includes(bind) &&
    gateway !== undefined
  ) {
    gateway['bind'] = 'loopback';
    note({
      path: 'gateway.bind',
      kind: 'tightened',
      what: `${bind} became loopback`,
      why: 'others reach it through `gatehouse tunnel` or `gatehouse front nginx`; a bind beyond this machine needs TLS, allowedAddresses and a grant for listen.open',
    });
  } else if (gateway !== undefined && bind === 'auto') gateway['bind'] = 'loopback';
  if (auth !== undefined) {
    for (const kind of ['token', 'password']) {
      if (auth[kind] === undefined) continue;
      delete auth[kind];
      note({
        path: `gateway.auth.${kind}`,
        kind: 'tightened',
        what: 'not taken over',
        why: 'there is no secret that everybody shares: issue one per client with `gatehouse token issue NAME --scopes operator.read,operator.write`',
      });
    }
    if (auth['mode'] === 'none' || auth['mode'] === 'password') {
      note({
        path: 'gateway.auth.mode',
        kind: 'tightened',
        what: `${String(auth['mode'])} became token`,
        why: 'every client has a token of its own',
      });
      auth['mode'] = 'token';
    }
  }
}

/** Everybody became nobody: strangers get a pairing code, or nothing (S1, S6). */
export function closeChannels(draft: Draft, note: Note): void {
  const close = (value: unknown, path: string): void => {
    if (!isPlainObject(value)) return;
    const keys = value as Draft;
    const dm = section(keys, 'dm');
    if (keys['dmPolicy'] === undefined && typeof dm?.['policy'] === 'string') keys['dmPolicy'] = dm['policy'];
    if (keys['allowFrom'] === undefined && Array.isArray(dm?.['allowFrom']))
      keys['allowFrom'] = dm['allowFrom'];
    for (const [key, narrower] of [
      ['dmPolicy', 'pairing'],
      ['groupPolicy', 'allowlist'],
      ['mode', 'pairing'],
    ] as const) {
      if (keys[key] !== 'open') continue;
      keys[key] = narrower;
      note({
        path: `${path}.${key}`,
        kind: 'tightened',
        what: `open became ${narrower}`,
        why: 'open lets anybody spend your money and speak to your tools; it needs a grant for message.receive',
      });
    }
    for (const key of ['allowFrom', 'groupAllowFrom', 'allowIds']) {
      const list = keys[key];
      if (!Array.isArray(list)) continue;
      const named = list
        .filter((id: unknown) => id !== '*')
        .map((id: unknown) => (typeof id === 'number' ? String(id) : id));
      if (named.length < list.length)
        note({
          path: `${path}.${key}`,
          kind: 'tightened',
          what: '* was taken out',
          why: 'an entry for everybody needs a grant for message.receive',
        });
      keys[key] = named;
    }
    for (const nested of ['accounts', 'groups']) {
      for (const [name, item] of Object.entries(section(keys, nested) ?? {}))
        close(item, `${path}.${nested}.${name}`);
    }
  };
  close(draft['dmPolicy'], 'dmPolicy');
  for (const [channel, value] of Object.entries(section(draft, 'channels') ?? {}))
    close(value, `channels.${channel}`);
}

/** Workspaces stay with OpenClaw: what its agents wrote is untrusted here until somebody has looked at it. */
export function separateWorkspaces(draft: Draft, note: Note): void {
  const agents = section(draft, 'agents');
  if (agents === undefined) return;
  const drop = (value: unknown, path: string): void => {
    if (!isPlainObject(value) || typeof value['workspace'] !== 'string') return;
    const { workspace } = value;
    delete (value as Draft)['workspace'];
    note({
      path: `${path}.workspace`,
      kind: 'yours',
      what: `not taken over (${workspace})`,
      why: "each agent has a workspace of its own below the new home: copy what you want to keep, and read SOUL.md and AGENTS.md first; put lasting instructions into the agent's systemPrompt",
    });
  };
  drop(agents['defaults'], 'agents.defaults');
  for (const [id, entry] of Object.entries(section(agents, 'entries') ?? {}))
    drop(entry, `agents.entries.${id}`);
  const list = agents['list'];
  if (Array.isArray(list)) list.forEach((entry, index) => drop(entry, `agents.list[${index}]`));
}
