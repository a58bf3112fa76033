import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChatRequest } from './request.ts';

test('http/a parameter of a chat completion that is no value for it: refused, naming the parameter', () => {
  const messages = [{ role: 'user', content: 'hi' }];
  for (const [body, param] of [
    [{ messages, stream: 'yes' }, 'stream'],
    [{ messages, model: 7 }, 'model'],
    [{ messages: 'hi' }, 'messages'],
  ] as const)
    assert.throws(
      () => readChatRequest(body, {} as never),
      (error: { code: string; details: { param?: string } }) =>
        error.code === 'HTTP_FIELD_INVALID' && error.details.param?.startsWith(param) === true,
    );
});
