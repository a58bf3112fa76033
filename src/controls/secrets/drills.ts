import { type Drill, type DrillMark, type DrillRange, NotApplicable } from '../../kernel/index.ts';

/** What drills of planted credentials need besides what every drill has. */
export interface HoneytokenRange extends DrillRange {
  /** A credential that is known to the install as planted until it is disposed of, and lies nowhere. */
  decoy(mark: DrillMark): Disposable & { readonly text: string };
}

const leakedHoneytoken: Drill<HoneytokenRange> = {
  id: 'secrets.honeytoken',
  title: 'a planted credential is used at a listener',
  requirements: ['K4'],
  attacks: [83],
  codes: ['AUTH_TOKEN_INVALID'],
  rule: 'planted credentials open nothing',
  event: 'login.refused',
  alert: { rule: 'honeytoken.used' },
  async run(range) {
    const target = range.targets.find(
      ({ plane, exposed, transport, address }) =>
        plane === 'users' && !exposed && transport !== 'mutual' && !address.includes(':'),
    );
    if (target === undefined) throw new NotApplicable('no listener takes tokens from this machine over IPv4');
    const mark = range.mark();
    using decoy = range.decoy(mark);
    const at = range.now();
    const { status, code } = await range.http(target, mark, {
      path: '/v1/models',
      headers: [['Authorization', `Bearer ${decoy.text}`]],
    });
    const refusal = status === 401 ? { code: code === '' ? 'AUTH_TOKEN_INVALID' : code } : undefined;
    return [{ tried: 'a planted token as Bearer', mark, at, refusal }];
  },
};

export const SECRETS_DRILLS: readonly Drill<HoneytokenRange>[] = [leakedHoneytoken];
