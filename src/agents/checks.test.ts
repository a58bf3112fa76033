import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkModels } from './checks.ts';

test('a model of a weak class that works with tools is a finding, and no other is', () => {
  const of = (model: string) => checkModels([{ agent: 'main', models: [model] }]).map(({ id }) => id);
  assert.deepEqual(of('openai/gpt-3.5-turbo'), ['models.weak']);
  assert.deepEqual(of('rehearsal/rehearsal'), []);
});
