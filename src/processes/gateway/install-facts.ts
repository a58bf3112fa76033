import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { AgentPolicy } from '../../agents/types.ts';
import type { InstallFacts } from '../../controls/trace/index.ts';
import { type Egress, type Finding, rulesOfLayer } from '../../kernel/index.ts';
import type { HomePaths, MeasuredListener, RuntimeService } from '../../operations/services.ts';
import type { Core } from '../core.ts';
import type { Program } from '../program.ts';

export interface FactParts {
  readonly program: Program;
  readonly paths: HomePaths;
  readonly core: Pick<Core, 'config' | 'auth'>;
  readonly egress: Pick<Egress, 'status'>;
  readonly runtime: Pick<RuntimeService, 'listeners' | 'findings'>;
}

/** Folders of the package that are run or read at run time. */
const PROGRAM_FOLDERS = ['bin', 'dist', 'playbooks'];

async function filesBelow(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}

/** Digests by what tells that a file is another one; the kernel changes ctime with every write (D5 every minute). */
const KNOWN = new Map<string, { readonly state: string; readonly digest: string }>();

async function digestOf(path: string): Promise<string> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  if (facts === undefined) return 'unreadable';
  const state = `${facts.dev} ${facts.ino} ${facts.size} ${facts.mtimeNs} ${facts.ctimeNs}`;
  const known = KNOWN.get(path);
  if (known?.state === state) return known.digest;
  const digest = await readDigest(path);
  if (digest !== 'unreadable') KNOWN.set(path, { state, digest });
  return digest;
}

async function readDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    return `sha256:${hash.digest('hex')}`;
  } catch {
    return 'unreadable';
  }
}

/** Every file that makes the program, by its path in the package. */
export async function programFiles({ root }: Program): Promise<Record<string, string>> {
  const folders = await Promise.all(PROGRAM_FOLDERS.map((folder) => filesBelow(join(root, folder))));
  const rows = await Promise.all(
    folders.flat().map(async (path) => [relative(root, path), await digestOf(path)] as const),
  );
  return Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What an operator writes, by its path in the home: also what nobody has applied yet. */
async function homeFiles({ home, config, playbooks, policy }: HomePaths): Promise<Record<string, string>> {
  const folders = await Promise.all([playbooks, policy].map(filesBelow));
  const written = folders.flat().filter((path) => /\.ya?ml$/.test(path));
  const rows = await Promise.all(
    [...(existsSync(config) ? [config] : []), ...written].map(
      async (path) => [`home: ${relative(home, path)}`, await digestOf(path)] as const,
    ),
  );
  return Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Rules of one layer that a baseline names one by one; with more of them, the digest alone tells. */
const MAX_NAMED_RULES = 500;

/** Each rule of each layer, so that a report names what was given or taken, and not only that something was. */
function permissions(agents: readonly AgentPolicy[]): Record<string, string> {
  const rows: (readonly [string, string])[] = [];
  for (const { agent, authority } of agents) {
    rows.push([agent, `sha256:${authority.hash}`]);
    for (const layer of authority.layers) {
      const rules = rulesOfLayer(layer);
      if (rules.length > MAX_NAMED_RULES) continue;
      for (const { id, kind, effect, match } of rules)
        rows.push([`${agent}, ${layer.id}: ${id}`, JSON.stringify({ effect, kind, match })]);
    }
  }
  return Object.fromEntries(rows);
}

function named<T>(
  items: Iterable<T>,
  row: (item: T) => readonly [name: string, value: unknown],
): Record<string, string> {
  return Object.fromEntries(
    [...items].map((item) => {
      const [name, value] = row(item);
      return [name, typeof value === 'string' ? value : JSON.stringify(value)];
    }),
  );
}

/** By id and number: titles name days and sizes, which change without anything being different. */
function counted(findings: readonly Finding[]): Record<string, string> {
  const ids = [...new Set(findings.map(({ id }) => id))].sort();
  return named(ids, (id) => {
    const same = findings.filter((finding) => finding.id === id);
    return [id, `${same.length} ${same[0]?.severity ?? ''}`];
  });
}

function listenerName({ address, port }: MeasuredListener): string {
  return port === null ? address : `${address}:${port}`;
}

/** What this install is now, as text by name: digests, decisions and names, never a value of a secret (D5). */
export async function installFacts(
  { program, paths, core, egress, runtime }: FactParts,
  { findings = true }: { readonly findings?: boolean } = {},
): Promise<InstallFacts> {
  const effective = core.config.current();
  const agents = [...effective.agents.values()];
  const [files, own, sockets, found, principals, tokens, status] = await Promise.all([
    programFiles(program),
    homeFiles(paths),
    runtime.listeners(),
    findings ? runtime.findings() : [],
    core.auth.listPrincipals(),
    core.auth.listTokens(),
    egress.status().catch(() => undefined),
  ]);
  const live = tokens.filter(({ revokedAt }) => revokedAt === null);
  return {
    versions: {
      gatehouse: program.version,
      node: process.version,
      egress: status?.version ?? 'does not answer',
    },
    files: { ...files, ...own },
    configuration: { hash: effective.hash },
    playbooks: named(agents, ({ agent, playbook }) => [agent, playbook]),
    permissions: permissions(agents),
    egress: {
      policy: status?.policyHash ?? 'does not answer',
      ...named(effective.egressRules, ([agent, rules]) => [
        `agent ${agent}`,
        rules.map(({ host, port, effect = 'allow' }) => `${effect} ${host}:${port}`),
      ]),
    },
    listeners: named(
      sockets.filter(({ family }) => family !== 'unix'),
      (socket) => [
        listenerName(socket),
        `${socket.process} ${socket.plane}${socket.declared ? '' : ' UNDECLARED'}`,
      ],
    ),
    principals: named(principals, ({ id, owner, scopes, agents: mine, addresses, disabledAt }) => [
      id,
      { owner, scopes, agents: mine, addresses, disabled: disabledAt !== null },
    ]),
    tokens: named(live, ({ id, name, version, scopes, agents: mine, addresses, owner }) => [
      `${name} (${id})`,
      { version, owner, scopes, agents: mine, addresses },
    ]),
    grants: named(effective.config.grants ?? [], ({ id, kind, layer, match, owner, ticket, expires }) => [
      id,
      { kind, layer, match, owner, ticket, expires },
    ]),
    models: named(agents, ({ agent, models }) => [agent, models]),
    findings: counted(found),
  };
}
