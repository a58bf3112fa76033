import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkEgress, EXPIRING_DAYS } from './checks.ts';
import { rule } from './testing/parts.ts';
import type { EgressRuleSpec, WrittenEgressRule } from './types.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const WHO = { owner: 'platform', ticket: 'OPS-1', reason: 'r' };

function found(more: Partial<EgressRuleSpec>, where: Partial<WrittenEgressRule> = {}): readonly string[] {
  const written = { source: 'policy/egress.yaml', shipped: false, agents: ['main'], ...where };
  const rules = [{ ...written, spec: rule('api.example.org', 443, { ...WHO, ...more }) }];
  return checkEgress({ rules, now: NOW }).map(({ id, severity }) => `${id} ${severity}`);
}

test('a rule that is answered for and in force is no finding', () => {
  assert.deepEqual(found({}), []);
  assert.deepEqual(found({ expires: NOW + (EXPIRING_DAYS + 1) * DAY }), []);
});

test('a rule without owner or ticket is a finding, unless it denies or is shipped', () => {
  const nobody = { owner: undefined, ticket: undefined } as unknown as Partial<EgressRuleSpec>;
  assert.deepEqual(found(nobody), ['EGRESS_RULE_UNOWNED warning']);
  assert.deepEqual(found({ ticket: undefined } as unknown as Partial<EgressRuleSpec>), [
    'EGRESS_RULE_UNOWNED low',
  ]);
  assert.deepEqual(found({ ...nobody, effect: 'deny' }), []);
  assert.deepEqual(found(nobody, { shipped: true, source: 'playbook:dev-assistant' }), []);
});

test('a rule that ends soon or has ended is a finding, at the limit and not one past it', () => {
  assert.deepEqual(found({ expires: NOW + EXPIRING_DAYS * DAY }), ['EGRESS_RULE_EXPIRING low']);
  assert.deepEqual(found({ expires: NOW + EXPIRING_DAYS * DAY + 1 }), []);
  assert.deepEqual(found({ expires: NOW }), ['EGRESS_RULE_EXPIRED low']);
});

test('a rule that nobody takes over, and a wildcard into private networks, are findings', () => {
  assert.deepEqual(found({}, { agents: [] }), ['EGRESS_RULE_IDLE low']);
  assert.deepEqual(found({ host: '*.corp.example', networks: ['10.0.0.0/8'] }), ['EGRESS_RULE_WIDE warning']);
});

test('ten thousand rules without an owner are a list that can be read', () => {
  const rules = Array.from({ length: 10_000 }, (_, index) => ({
    source: 'networkPolicy',
    shipped: false,
    agents: ['main'],
    spec: rule(`h${index}.example.org`, 443),
  }));
  const findings = checkEgress({ rules, now: NOW });
  assert.equal(findings.length, 26);
  assert.match(findings.at(-1)?.title ?? '', /9975 further/);
});
