import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mintToken } from '../../../controls/auth/index.ts';
import { DRILL_CODES, type DrillSession, type RangeContext } from '../../../controls/drills/index.ts';
import { type Prober, startProber } from '../../../drivers/prober/index.ts';
import {
  asGatehouseError,
  type DrillCall,
  type DrillMark,
  type DrillSocket,
  type DrillTarget,
  type Egress,
  hostAndPort,
  type Logger,
  NotApplicable,
} from '../../../kernel/index.ts';
import type { Caller, Dispatcher } from '../../../operations/define.ts';
import type { InstallRange } from '../../../operations/drill/catalogue.ts';
import type { HomePaths } from '../../../operations/services.ts';
import { PLAIN_COOKIE, SECURE_COOKIE } from '../../../surfaces/http/session-cookie.ts';
import type { Core } from '../../core.ts';
import { NODE_FLAGS } from '../../node-flags.ts';
import type { Program } from '../../program.ts';
import { systemRandom } from '../../system.ts';
import { LISTENER_WATCH_MS } from '../listener-watch.ts';
import { budgetPorts } from './budget.ts';
import { egressPorts } from './egress.ts';
import { executionPorts } from './execution.ts';
import { answerOf, probeTarget, refusedSocket, requestBytes } from './network.ts';
import { senderPorts } from './senders.ts';
import { tracePorts } from './trace.ts';

/** Milliseconds for one request, upgrade or frame. */
const ANSWER_MS = 15_000;
/** Milliseconds that a token for a drill lives: what a crash leaves is worth nothing soon. */
const TOKEN_MS = 10 * 60_000;
/** One address of 127.0.0.0/8 stands for all: Linux has the whole block, macOS only 127.0.0.1. */
const SAMPLE_SOURCE = '127.100.100.100';

export interface SessionParts {
  readonly program: Program;
  readonly core: Core;
  readonly paths: HomePaths;
  readonly dispatcher: Dispatcher;
  readonly targets: readonly DrillTarget[];
  readonly lookAtListeners: () => Promise<void>;
  readonly egress: Egress;
  readonly logger: Logger;
}

/** The prober of one run of drills, and what each of them may do with it. */
export async function openSession(parts: SessionParts): Promise<DrillSession<InstallRange>> {
  const { program, core, paths, targets, logger } = parts;
  const prober = startProber({
    nodePath: process.execPath,
    argv: [...NODE_FLAGS, program.entry, '__process', 'prober'],
    env: proberEnvironment(),
    rules: { tcp: targets.map(({ address, port }) => ({ address, port })), folder: join(paths.run, 'runs') },
    logger,
  });
  const noSources = await missingSources(prober);
  // Drills take no room in the window in which refused logins are recorded one by one.
  core.auth.settleRefusals();
  return {
    lend: (address) => core.auth.buckets.lend(address),
    range: (context) => rangeOf(parts, prober, noSources, context),
    healthy: () => healthy(prober, targets),
    async close() {
      await prober[Symbol.asyncDispose]();
      core.auth.settleRefusals();
    },
  };
}

/** Linux has all of 127.0.0.0/8; elsewhere a listener that is gone at once says whether there is more than one address. */
async function missingSources(prober: Prober): Promise<string | undefined> {
  if (process.platform === 'linux') return undefined;
  try {
    await (await prober.listen(SAMPLE_SOURCE)).close();
    return undefined;
  } catch (cause) {
    return String(cause);
  }
}

export function proberEnvironment(): Readonly<Record<string, string>> {
  const kept = ['PATH', 'HOME', 'GATEHOUSE_HOME', 'GATEHOUSE_SOURCES'];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** An honest request from this machine's usual address is answered. @throws DRILL_PROBER_FAILED */
async function healthy(prober: Prober, targets: readonly DrillTarget[]): Promise<void> {
  const target = targets.find(
    ({ plane, exposed, transport }) => plane === 'users' && !exposed && transport !== 'mutual',
  );
  if (target === undefined) return;
  const honest = { id: '', address: '', userAgent: 'gatehouse-drill' };
  const bytes = requestBytes(target, honest, { path: '/healthz' });
  const { bytes: came } = await prober.exchange({
    target: probeTarget(target, undefined),
    bytes,
    ms: ANSWER_MS,
  });
  const { status } = answerOf(came);
  if (status !== 200)
    throw DRILL_CODES.error(
      'DRILL_PROBER_FAILED',
      `GET /healthz on ${hostAndPort(target)} answered ${status || 'nothing'}`,
    );
}

function rangeOf(
  parts: SessionParts,
  prober: Prober,
  noSources: string | undefined,
  context: RangeContext,
): InstallRange {
  const { core, dispatcher, targets } = parts;
  const caller = context.caller as Caller;

  const sourceOf = ({ address }: DrillMark, target: DrillTarget): string => {
    if (noSources !== undefined)
      throw new NotApplicable(`this system has no addresses beside 127.0.0.1 to try from (${noSources})`);
    if (target.address.includes(':')) throw new NotApplicable('attempts are made over IPv4 only');
    return address;
  };

  const operation = async (id: string, input: unknown, mark: DrillMark): Promise<DrillCall> => {
    try {
      const result = await dispatcher.call(id, { ...caller, trace: mark.id }, input, {
        signal: context.signal,
      });
      return { ok: true, result: result as Readonly<Record<string, unknown>> };
    } catch (thrown) {
      const { code, message } = asGatehouseError(thrown);
      return { ok: false, code, message };
    }
  };

  let tokens = 0;
  return {
    run: context.run,
    now: () => performance.now(),
    mark: context.mark,
    targets,
    async http(target, mark, request = {}) {
      const from = sourceOf(mark, target);
      const bytes = requestBytes(target, mark, request);
      const { bytes: came } = await prober.exchange({
        target: probeTarget(target, from),
        bytes,
        ms: ANSWER_MS,
      });
      return answerOf(came);
    },
    async socket(target, mark, headers = []): Promise<DrillSocket> {
      const from = sourceOf(mark, target);
      const own = headers.some(([name]) => name.toLowerCase() === 'user-agent');
      const sent = own ? headers : [...headers, ['User-Agent', mark.userAgent] as const];
      const socket = await prober.socket(probeTarget(target, from), sent, ANSWER_MS);
      if (!socket.upgraded) return refusedSocket(answerOf(socket.bytes));
      return {
        upgraded: true,
        answer: { status: 101, code: '', body: '' },
        send: socket.send,
        next: () => socket.next(ANSWER_MS),
        ended: socket.ended,
        close: socket.close,
      };
    },
    operation,
    async token(mark, { scopes, addresses = [mark.address], expiresInMs = TOKEN_MS, principal }) {
      tokens += 1;
      const name = `drill-${mark.id}-${tokens}`;
      await context.willMake('token', name);
      const request = {
        name,
        scopes,
        addresses,
        expiresInMs,
        owner: 'gatehouse drills',
        ticket: context.run,
        ...(principal === undefined ? {} : { principal }),
      };
      const made = await operation('token.issue', request, mark);
      if (!made.ok) throw DRILL_CODES.error('DRILL_SETUP_FAILED', `no token for the drill: ${made.code}`);
      const { token, summary } = made.result as {
        readonly token: string;
        readonly summary: { readonly id: string };
      };
      return { id: summary.id, name, text: token };
    },
    async principal({ id }, scopes) {
      const name = `drill-${id}`;
      await context.willMake('principal', name);
      const made = await operation(
        'principal.add',
        { name, kind: 'service', owner: 'gatehouse drills', ticket: context.run, scopes },
        { id, address: '', userAgent: '' },
      );
      if (!made.ok) throw DRILL_CODES.error('DRILL_SETUP_FAILED', `no principal for the drill: ${made.code}`);
      return name;
    },
    untilAlert: context.untilAlert,
    pause: (ms) => sleep(ms, undefined, { signal: context.signal }),
    lookAtListeners: parts.lookAtListeners,
    listenerWatchMs: LISTENER_WATCH_MS,
    strayListener: (mark) => prober.listen(mark.address),
    decoy: (mark) => {
      const { text } = mintToken(systemRandom);
      return Object.assign(core.tripwire.decoy(mark.id, text), { text });
    },
    trustedProxies: () => core.config.current().config.gateway.trustedProxies ?? [],
    ...loginFacts(core),
    ...senderPorts(core, context),
    ...egressPorts(parts, prober, context),
    ...budgetPorts(core, context),
    ...executionPorts(parts, context),
    ...tracePorts(parts, context),
  };
}

function loginFacts(core: Core) {
  const { oidc = [], trustedProxy } = core.config.current().config.gateway.auth;
  return {
    issuers: oidc.map(({ issuer, audience }) => ({ issuer, audience })),
    proxyHeaders: [trustedProxy?.userHeader, trustedProxy?.certificateHeader].filter(
      (name) => name !== undefined,
    ),
    sessionCookie: ({ transport }: DrillTarget) => (transport === 'plain' ? PLAIN_COOKIE : SECURE_COOKIE),
  };
}
