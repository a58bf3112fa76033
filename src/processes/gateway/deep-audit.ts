import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import {
  DEEP_PROBES,
  type DeepAnswer,
  type DeepPlace,
  deepFinding,
  HOSTILE_ORIGIN_HEADER,
  inBlocks,
  oldTls,
  plainOnTls,
  socketOfAnotherOrigin,
  socketWithoutLogin,
} from '../../controls/listen/index.ts';
import { type Prober, startProber } from '../../drivers/prober/index.ts';
import type { DrillMark, DrillTarget, Finding, Logger } from '../../kernel/index.ts';
import type { DeepAuditReport, HomePaths } from '../../operations/services.ts';
import type { Core } from '../core.ts';
import { NODE_FLAGS } from '../node-flags.ts';
import type { Program } from '../program.ts';
import { systemRandom } from '../system.ts';
import { probeTarget, requestBytes } from './drills/network.ts';
import { proberEnvironment } from './drills/session.ts';

/** Milliseconds for one answer: loopback answers at once, and silence is an answer too. */
const ANSWER_MS = 3_000;
/** Attempts under way at once; a burst of more would itself be a spike. */
const AT_ONCE = 8;
const OLD_TLS = ['TLSv1.1', 'TLSv1.2'] as const;
const CONNECT = JSON.stringify({
  type: 'req',
  id: 'deep',
  method: 'connect',
  params: {
    minProtocol: 4,
    maxProtocol: 4,
    client: { id: 'deep', version: '1', platform: 'x', mode: 'cli' },
  },
});

interface DeepOptions {
  readonly program: Program;
  readonly paths: HomePaths;
  readonly core: Core;
  readonly logger: Logger;
  readonly targets: readonly DrillTarget[];
}

interface Attempt {
  readonly place: DeepPlace;
  run(mark: DrillMark): Promise<Finding | undefined>;
}

/** What strangers get from the live listeners: attempts by the prober, each from an address of its own (D3). */
export async function auditDeep(options: DeepOptions): Promise<DeepAuditReport> {
  const { program, paths, core, logger, targets } = options;
  await using prober = startProber({
    nodePath: process.execPath,
    argv: [...NODE_FLAGS, program.entry, '__process', 'prober'],
    env: proberEnvironment(),
    rules: { tcp: targets.map(({ address, port }) => ({ address, port })), folder: join(paths.run, 'runs') },
    logger,
  });
  core.auth.settleRefusals();
  const places = targets.flatMap((target) => sourcesFor(target).map((from) => ({ target, from })));
  const attempts = places.flatMap((place) => attemptsOn(place, prober, options));
  const findings: Finding[] = [];
  try {
    for (let next = 0; next < attempts.length; next += AT_ONCE) {
      const batch = attempts.slice(next, next + AT_ONCE);
      findings.push(
        ...(await Promise.all(batch.map((attempt) => tried(attempt, core)))).flatMap((one) => one ?? []),
      );
    }
  } finally {
    core.auth.settleRefusals();
  }
  return {
    attempts: attempts.length,
    listeners: targets.map(({ plane, address, port }) => `${plane} ${address} ${port}`),
    sources: [...new Set(places.map(({ from }) => from))],
    findings,
  };
}

/** Lent for this attempt alone where the machine has such addresses, so that nobody is locked out by it (0011). */
async function tried({ place, run }: Attempt, core: Core): Promise<Finding | undefined> {
  const id = `a${Buffer.from(systemRandom.bytes(5)).toString('hex')}`;
  const userAgent = `gatehouse-audit/${id}`;
  if (place.from !== LENT) return run({ id, address: place.from, userAgent });
  const address = `127.${[...systemRandom.bytes(3)].map((byte) => 100 + (byte % 150)).join('.')}`;
  const giveBack = core.auth.buckets.lend(address);
  try {
    return await run({ id, address, userAgent });
  } finally {
    giveBack();
  }
}

const LENT = 'loopback';

/** From where a listener is tried: loopback, and for one that others can reach each address of this machine. */
function sourcesFor({ address, exposed }: DrillTarget): readonly string[] {
  const isV6 = address.includes(':');
  if (!exposed) return [isV6 ? '::1' : process.platform === 'linux' ? LENT : '127.0.0.1'];
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, scopeid }) => (family === 'IPv6') === isV6 && (scopeid ?? 0) === 0)
    .map((one) => one.address);
  return own.length === 0 ? [address] : own;
}

function attemptsOn(place: DeepPlace, prober: Prober, { program, core }: DeepOptions): readonly Attempt[] {
  const { target, from } = place;
  const proxies = core.config.current().config.gateway.trustedProxies ?? [];
  // Whoever is listed as a proxy is believed by order: from there it proves nothing.
  const isProxy = inBlocks(proxies, from === LENT ? '127.0.0.1' : from);
  // One address that cannot be lent is everybody's: only what the listener itself refuses is tried from it.
  const isShared = from === '::1' || from === '127.0.0.1';
  const requests = DEEP_PROBES.filter(
    (probe) =>
      probe.applies(target) &&
      !(isProxy && probe.id === 'DEEP_FORWARDED') &&
      !(isShared && probe.id === 'DEEP_NO_LOGIN'),
  ).map(
    (probe): Attempt => ({
      place,
      async run(mark) {
        const { bytes } = await prober.exchange({
          target: probeTarget(target, mark.address),
          bytes: requestBytes(target, mark, probe.request),
          ms: ANSWER_MS,
        });
        const found = probe.wrong(answerOf(bytes), program.version);
        return found === undefined ? undefined : deepFinding(probe, probe.tried, place, found);
      },
    }),
  );
  return [...requests, ...(isShared ? [] : socketAttempts(place, prober)), ...tlsAttempts(place, prober)];
}

function answerOf(bytes: string): DeepAnswer {
  const split = bytes.indexOf('\r\n\r\n');
  const [first = '', ...lines] = (split < 0 ? bytes : bytes.slice(0, split)).split('\r\n');
  return {
    status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0),
    headers: new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    ),
    body: split < 0 ? '' : bytes.slice(split + 4),
  };
}

function socketAttempts(place: DeepPlace, prober: Prober): readonly Attempt[] {
  const { target } = place;
  if ((target.plane !== 'users' && target.plane !== 'admin') || target.transport === 'mutual') return [];
  return [
    {
      place,
      async run({ address, userAgent }) {
        const socket = await prober.socket(
          probeTarget(target, address),
          [HOSTILE_ORIGIN_HEADER, ['User-Agent', userAgent]],
          ANSWER_MS,
        );
        if (socket.upgraded) socket.close();
        return socket.upgraded ? socketOfAnotherOrigin(place) : undefined;
      },
    },
    {
      place,
      async run({ address, userAgent }) {
        const socket = await prober.socket(
          probeTarget(target, address),
          [['User-Agent', userAgent]],
          ANSWER_MS,
        );
        if (!socket.upgraded) return undefined;
        socket.send(CONNECT);
        let isIn = false;
        for (
          let frame = await socket.next(ANSWER_MS);
          frame !== undefined;
          frame = await socket.next(ANSWER_MS)
        ) {
          if (!frame.includes('"type":"res"')) continue;
          isIn = frame.includes('"ok":true');
          break;
        }
        socket.close();
        return isIn ? socketWithoutLogin(place) : undefined;
      },
    },
  ];
}

function tlsAttempts(place: DeepPlace, prober: Prober): readonly Attempt[] {
  const { target } = place;
  if (target.transport === 'plain') return [];
  const bytes = (mark: DrillMark) => requestBytes(target, mark, { path: '/healthz' });
  return [
    ...OLD_TLS.map(
      (version): Attempt => ({
        place,
        async run(mark) {
          const old = { ...probeTarget(target, mark.address), newest: version };
          const { bytes: came } = await prober.exchange({ target: old, bytes: bytes(mark), ms: ANSWER_MS });
          return came === '' ? undefined : oldTls(version, place);
        },
      }),
    ),
    {
      place,
      async run(mark) {
        const plain = { ...probeTarget(target, mark.address), tls: false };
        const { bytes: came } = await prober.exchange({ target: plain, bytes: bytes(mark), ms: ANSWER_MS });
        return came.startsWith('HTTP/1.1 2') ? plainOnTls(place) : undefined;
      },
    },
  ];
}
