import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { ocsfProblems } from '../../../../test/fixtures/ocsf/validator.ts';
import { LEDGER_TYPES } from '../../../kernel/index.ts';
import type { LedgerRecord } from '../types.ts';
import { OCSF_CLASSES } from './classes.ts';
import { type OcsfEvent, toOcsf } from './event.ts';

const SOURCE = { version: '1.2.3', hostname: 'gate.example.org' };
const HASH = 'ab'.repeat(32);
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
/** How sources name what is recorded: actions, rules of alerts, and operations, whose changes are recorded by id. */
const NAMED = /\b(?:action|rule|id): '([a-z][a-z-]*\.[a-z][a-z.-]*)'/g;

function recordOf(more: Partial<LedgerRecord>): LedgerRecord {
  return {
    writer: 'gateway',
    seq: 7,
    at: 1_800_000_000_000,
    prev: '0'.repeat(64),
    hash: HASH,
    type: 'decision',
    action: 'operation.call',
    outcome: 'allow',
    ...more,
  };
}

function at(event: OcsfEvent, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], event);
}

/** What a SIEM's rules are written against: type and action, class, activity, and what has to stand where. */
const EXPECTED: readonly (readonly [
  Partial<LedgerRecord>,
  uid: number,
  activity: number,
  Readonly<Record<string, unknown>>,
])[] = [
  [
    {
      type: 'login',
      action: 'login.refused',
      outcome: 'deny',
      code: 'AUTH_TOKEN_UNKNOWN',
      data: { address: '203.0.113.9', kind: 'token' },
    },
    3002,
    1,
    {
      'src_endpoint.ip': '203.0.113.9',
      status_id: 2,
      status_code: 'AUTH_TOKEN_UNKNOWN',
      severity_id: 3,
      is_remote: true,
    },
  ],
  [
    { type: 'login', action: 'login.accepted', outcome: 'success', subject: { principal: 'p1' } },
    3002,
    1,
    { 'user.uid': 'p1', status_id: 1 },
  ],
  [
    {
      type: 'egress',
      action: 'net.connect',
      outcome: 'deny',
      rule: '(none)',
      subject: { principal: 'p1', agent: 'main', run: 'r1' },
      data: { host: 'evil.example', port: 443 },
    },
    4001,
    5,
    {
      'dst_endpoint.hostname': 'evil.example',
      'dst_endpoint.port': 443,
      'src_endpoint.uid': 'r1',
      action_id: 2,
    },
  ],
  [
    {
      type: 'egress',
      action: 'net.closed',
      outcome: 'success',
      data: { host: '2001:db8::1', port: 1, sent: 5, received: 6 },
    },
    4001,
    2,
    { 'dst_endpoint.ip': '2001:db8::1', 'traffic.bytes_out': 5, 'traffic.bytes_in': 6 },
  ],
  [
    {
      type: 'tool',
      action: 'tool.started',
      outcome: 'started',
      subject: { principal: 'p1', run: 'r1', tool: 'shell' },
    },
    1007,
    1,
    { 'process.uid': 'r1', 'process.name': 'shell', 'device.hostname': 'gate.example.org' },
  ],
  [{ type: 'tool', action: 'tool.finished', outcome: 'success' }, 1007, 2, { 'process.uid': 'gateway/7' }],
  [{ type: 'change', action: 'token.revoked', data: { id: 't1' } }, 3001, 6, { 'user.uid': 't1' }],
  [{ type: 'change', action: 'config.applied', data: { ticket: 'OPS-1' } }, 3004, 3, { comment: 'OPS-1' }],
  [{ type: 'change', action: 'grant.added', data: { id: 'g-1' } }, 3004, 1, { 'entity.uid': 'g-1' }],
  [
    {
      type: 'alert',
      action: 'auth.spike',
      outcome: 'failure',
      data: { severity: 'critical', title: 'T', fix: 'F' },
    },
    2004,
    1,
    { 'finding_info.title': 'T', 'remediation.desc': 'F', severity_id: 5, status_id: 1 },
  ],
  [
    { type: 'drill', action: 'drill.ran', outcome: 'failure', data: { drill: 'listen.origin' } },
    2003,
    2,
    { 'compliance.control': 'listen.origin', 'compliance.status_id': 3 },
  ],
  [{ type: 'process', action: 'gateway.started', outcome: 'success' }, 6002, 3, { 'app.name': 'gatehouse' }],
  [
    { type: 'process', action: 'egress.stopped', outcome: 'success' },
    6002,
    4,
    { 'app.name': 'gatehouse egress' },
  ],
  [
    {
      outcome: 'deny',
      code: 'AUTH_SCOPE_MISSING',
      rule: 'r',
      trace: 'tr',
      data: { operation: 'token.issue' },
    },
    6003,
    99,
    { 'api.operation': 'token.issue', 'api.request.uid': 'tr', 'policy.uid': 'r', disposition_id: 2 },
  ],
  [
    {
      type: 'message',
      action: 'message.received',
      subject: { principal: 'p', channel: 'telegram', session: 's' },
    },
    6003,
    99,
    { 'src_endpoint.name': 'telegram' },
  ],
  [
    { type: 'model', action: 'model.called', data: { model: 'openai/x' } },
    6003,
    99,
    { 'api.service.name': 'openai/x' },
  ],
  [{ type: 'approval', action: 'approval.approved', data: { approval: 'a-1' } }, 6003, 3, {}],
];

describe('OCSF events', () => {
  for (const [given, uid, activity, wanted] of EXPECTED) {
    test(`a ${given.type ?? 'decision'} record ${given.action ?? 'operation.call'} ${given.outcome ?? ''} is class ${uid}, activity ${activity}`, () => {
      const event = toOcsf(recordOf(given), SOURCE);
      assert.deepEqual(ocsfProblems(event), []);
      assert.deepEqual([event['class_uid'], event['activity_id']], [uid, activity]);
      for (const [path, value] of Object.entries(wanted)) assert.equal(at(event, path), value, path);
    });
  }

  test('carry the hash of the record as their id, its place as sequence, and the whole record', () => {
    const record = recordOf({ trace: 'tr', data: { b: 1 } });
    const event = toOcsf(record, SOURCE);
    assert.equal(at(event, 'metadata.uid'), HASH);
    assert.equal(at(event, 'metadata.sequence'), 7);
    assert.equal(at(event, 'metadata.correlation_uid'), 'tr');
    assert.deepEqual(at(event, 'unmapped.gatehouse'), record);
  });

  test('are valid for whatever a record holds, every type and outcome', () => {
    const text = fc.string({ maxLength: 40 });
    const value = fc.oneof(
      text,
      fc.integer(),
      fc.boolean(),
      fc.double(),
      fc.constant(null),
      fc.array(text, { maxLength: 3 }),
    );
    const keys = [
      'address',
      'host',
      'port',
      'sent',
      'received',
      'id',
      'drill',
      'severity',
      'title',
      'fix',
      'kind',
      'model',
    ];
    const data = fc.dictionary(fc.oneof(fc.constantFrom(...keys), text), value, { maxKeys: 8 });
    const optional = (name: string) => fc.option(fc.record({ [name]: text }), { nil: {} });
    const records = fc
      .tuple(
        fc.constantFrom(...LEDGER_TYPES),
        fc.oneof(
          fc.constantFrom('net.connect', 'net.closed', 'tool.started', 'login.refused', 'token.issued'),
          text,
        ),
        fc.constantFrom('allow', 'ask', 'deny', 'success', 'failure', 'started', 'unknown' as const),
        data,
        optional('code'),
        optional('rule'),
        optional('trace'),
        fc.option(
          fc.record(
            { principal: text, agent: text, session: text, run: text, tool: text, channel: text },
            { requiredKeys: ['principal'] },
          ),
          { nil: undefined },
        ),
      )
      .map(([type, action, outcome, facts, code, rule, trace, subject]) =>
        recordOf({
          type,
          action,
          outcome: outcome as LedgerRecord['outcome'],
          data: facts,
          ...code,
          ...rule,
          ...trace,
          ...(subject === undefined ? {} : { subject }),
        } as Partial<LedgerRecord>),
      );
    fc.assert(
      fc.property(records, (record) => assert.deepEqual(ocsfProblems(toOcsf(record, SOURCE)), [])),
      { numRuns: 300 },
    );
  });

  test('every action that any source writes is a valid event under every type of record', () => {
    const actions = new Set(
      globSync('src/**/*.ts', { cwd: ROOT })
        .filter((file) => !file.endsWith('.test.ts'))
        .flatMap((file) =>
          [...readFileSync(join(ROOT, file), 'utf8').matchAll(NAMED)].map(([, name = '']) => name),
        ),
    );
    assert.ok(actions.size > 150, String(actions.size));
    for (const type of LEDGER_TYPES) {
      for (const action of actions) {
        const event = toOcsf(recordOf({ type, action, outcome: 'success' }), SOURCE);
        assert.deepEqual(ocsfProblems(event), [], `${type} ${action}`);
      }
    }
  });

  test('the published schema refuses an attribute that nobody published, and a class without what it requires', () => {
    const event = toOcsf(recordOf({ type: 'login', action: 'login.accepted' }), SOURCE);
    assert.notDeepEqual(ocsfProblems({ ...event, made_up: 1 }), []);
    const { user: _user, ...without } = event;
    assert.notDeepEqual(ocsfProblems(without), []);
  });

  test('every class in use is one that the fixtures hold', () => {
    for (const { uid, name } of Object.values(OCSF_CLASSES)) {
      const problems = ocsfProblems({ class_uid: uid, class_name: name, metadata: {} });
      assert.ok(!problems.some((problem) => problem.startsWith('class ')), name);
    }
  });
});
