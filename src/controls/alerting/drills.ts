import {
  type Drill,
  type DrillAttempt,
  type DrillMark,
  type DrillRange,
  NotApplicable,
} from '../../kernel/index.ts';

/** Milliseconds in which somebody has to be reached, and between two looks. */
const ARRIVES_MS = 10_000;
const LOOK_MS = 250;
/** Spikes of one minute that are looked through for the drill's own. */
const MAX_ALERTS = 50;

const RULE = 'auth.spike';

interface Listed {
  readonly alerts: readonly { readonly id: string; readonly data?: { readonly address?: unknown } }[];
}

interface Shown {
  readonly state: string;
  readonly deliveries: readonly {
    readonly destination: string;
    readonly status: string;
    readonly reason: string | null;
  }[];
}

/** The alert that this mark provoked; undefined while there is none. */
async function provoked(range: DrillRange, mark: DrillMark): Promise<string | undefined> {
  const listed = await range.operation('alerts.list', { rule: RULE, limit: MAX_ALERTS }, mark);
  if (!listed.ok) return undefined;
  const { alerts } = listed.result as unknown as Listed;
  return alerts.findLast(({ data }) => data?.address === mark.address)?.id;
}

async function shown(range: DrillRange, mark: DrillMark, id: string): Promise<Shown | undefined> {
  const answer = await range.operation('alerts.show', { id }, mark);
  return answer.ok ? (answer.result as unknown as Shown) : undefined;
}

/** Wait until everybody who is to be told has it. @throws NotApplicable when nobody takes alerts of drills */
async function arrival(
  range: DrillRange,
  mark: DrillMark,
): Promise<{ readonly late: readonly string[]; readonly ms: number }> {
  const since = range.now();
  let late: readonly string[] = ['no alert came that could be told'];
  while (range.now() - since < ARRIVES_MS) {
    const id = await provoked(range, mark);
    const found = id === undefined ? undefined : await shown(range, mark, id);
    if (found?.state === 'drill' || found?.state === 'unwanted')
      throw new NotApplicable(
        'no destination takes alerts of drills: set drills: true on one of alerts.destinations',
      );
    if (found?.state === 'silenced')
      throw new NotApplicable(`${RULE} is silenced (gatehouse alerts silences)`);
    late = (found?.deliveries ?? [])
      .filter(({ status }) => status !== 'sent')
      .map(
        ({ destination, reason }) =>
          `${destination} has not confirmed the alert${reason === null ? '' : `: ${reason}`}`,
      );
    if (found !== undefined && found.deliveries.length > 0 && late.length === 0) break;
    await range.pause(LOOK_MS);
  }
  return { late, ms: Math.round(range.now() - since) };
}

/** Whether somebody hears of an attack at all (T4). */
export const ALERTING_DRILLS: readonly Drill[] = [
  {
    id: 'alerting.somebody-is-told',
    title:
      'an attack of which nobody outside hears: the alert must reach every destination that takes drills',
    requirements: ['T4', 'A9'],
    attacks: [78],
    codes: ['AUTH_TOKEN_INVALID'],
    rule: 'alerts.destinations',
    event: 'login.refused',
    alert: { rule: RULE },
    async run(range): Promise<readonly DrillAttempt[]> {
      const configured = await range.operation('alerts.destinations', {}, range.mark());
      const destinations = configured.ok ? configured.result['destinations'] : [];
      if (!Array.isArray(destinations) || destinations.length === 0)
        throw new NotApplicable('nobody is told of alerts: alerts.destinations is empty');
      const target = range.targets.find(
        ({ plane, exposed, transport, address }) =>
          plane === 'users' && !exposed && transport !== 'mutual' && !address.includes(':'),
      );
      if (target === undefined)
        throw new NotApplicable('no listener for users takes connections from this machine');
      const mark = range.mark();
      const at = range.now();
      const attempt = () =>
        range.http(target, mark, {
          method: 'POST',
          path: '/api/v1/gateway.status',
          headers: [
            ['Content-Type', 'application/json'],
            ['Authorization', `Bearer drill-${mark.id}`],
          ],
          body: '{}',
        });
      const first = await attempt();
      await range.untilAlert(mark, attempt);
      const { late, ms } = await arrival(range, mark);
      const refusal = first.status >= 200 && first.status < 300 ? undefined : { code: first.code };
      const note = late.length === 0 ? `told within ${ms} ms of the alert` : `not told within ${ms} ms`;
      return [
        { tried: 'log in again and again with a made-up token', mark, at, refusal, sideEffects: late, note },
      ];
    },
  },
];
