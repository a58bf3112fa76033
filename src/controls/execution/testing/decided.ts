import assert from 'node:assert/strict';
import {
  type Authority,
  authorityOf,
  type Decision,
  type Rule,
  type Subject,
} from '../../../kernel/index.ts';
import { analyseCommand } from '../commands/analyse.ts';
import { decideCommand } from '../commands/decide.ts';

const SUBJECT: Subject = { principal: 'p1', agent: 'main', session: 's1' };
const NOW = 1_000;

export function authority(...rules: readonly Omit<Rule, 'id'>[]): Authority {
  return authorityOf({
    id: 'playbook:test',
    rules: rules.map((rule, index) => ({ id: `r${index}`, ...rule })),
  });
}

/** The most generous playbook there can be. */
const EVERYTHING = authority({ kind: '*', effect: 'allow' });

export function allowing(...programs: readonly string[]): Authority {
  return authority({ kind: 'exec', effect: 'allow', match: { program: programs } });
}

export function decided(line: string, by: Authority = EVERYTHING): Decision {
  return decideCommand(by, SUBJECT, analyseCommand(line, '/workspace'), NOW);
}

/** Each of these lines waits for a person even where every command is allowed. */
export function refusedEvenIfAllAllowed(...rows: readonly (readonly string[])[]): void {
  for (const line of rows.flat()) {
    const decision = decided(line);
    assert.equal(decision.effect, 'ask', line);
    assert.equal(decision.code, 'EXEC_COMMAND_UNCLEAR', line);
    assert.match(decision.reason, /not fully understood: ./, line);
  }
}
