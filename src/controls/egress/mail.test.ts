import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_MAILS_PER_HOUR, MailPace } from './mail.ts';

test('egress/more mails than an hour may have, from a gateway that was taken over: refused', () => {
  const pace = new MailPace();
  for (let n = 0; n < MAX_MAILS_PER_HOUR; n += 1) pace.take('oncall', n);
  assert.throws(() => pace.take('oncall', 1_000), { code: 'EGRESS_MAIL_FAILED' });
  pace.take('another', 1_000);
  // The first one is an hour ago: there is room for one again, and no more.
  pace.take('oncall', 3_600_000);
  assert.throws(() => pace.take('oncall', 3_600_000), { code: 'EGRESS_MAIL_FAILED' });
});
