import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { InstallFacts } from '../../controls/trace/index.ts';
import type { Egress, Finding } from '../../kernel/index.ts';
import type { MeasuredListener, RuntimeService } from '../../operations/services.ts';
import type { Core } from '../core.ts';
import type { Program } from '../program.ts';

export interface FactParts {
  readonly program: Program;
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

async function digestOf(path: string): Promise<string> {
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
export async function installFacts({ program, core, egress, runtime }: FactParts): Promise<InstallFacts> {
  const effective = core.config.current();
  const agents = [...effective.agents.values()];
  const [files, sockets, found, principals, tokens, status] = await Promise.all([
    programFiles(program),
    runtime.listeners(),
    runtime.findings(),
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
    files,
    configuration: { hash: effective.hash },
    playbooks: named(agents, ({ agent, playbook }) => [agent, playbook]),
    permissions: named(agents, ({ agent, authority }) => [agent, `sha256:${authority.hash}`]),
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
