import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_ENVIRONMENT_BYTES, MAX_VARIABLES, runEnvironment } from './environment.ts';

for (const name of [
  'PATH',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'LD_AUDIT',
  'GLIBC_TUNABLES',
  'GCONV_PATH',
  'BASH_ENV',
  'ENV',
  'IFS',
  'PROMPT_COMMAND',
  'NODE_OPTIONS',
  'NODE_PATH',
  'PYTHONPATH',
  'PYTHONSTARTUP',
  'PERL5OPT',
  'PERL5LIB',
  'RUBYOPT',
  'JAVA_TOOL_OPTIONS',
  'GIT_SSH_COMMAND',
  'GIT_CONFIG_COUNT',
  'npm_config_script_shell',
])
  test(`sandbox/variable ${name} that loads code: refused`, () => {
    assert.throws(() => runEnvironment({ [name]: '/workspace/evil' }, false), {
      code: 'SANDBOX_ENV_REFUSED',
    });
  });

test('sandbox/variable with an impossible name or a NUL that would start another option: refused', () => {
  const impossible: readonly Record<string, string>[] = [
    { 'A=B': 'x' },
    { '': 'x' },
    { '1A': 'x' },
    { A: 'x\0--bind\0/\0/mnt' },
    { 'A\0': 'x' },
  ];
  for (const env of impossible)
    assert.throws(() => runEnvironment(env, false), { code: 'SANDBOX_SPEC_INVALID' });
});

test('plain variables are kept beside a fixed PATH and a home that does not outlive the run', () => {
  const env = runEnvironment({ LANG: 'de_DE.UTF-8', NODE_ENV: 'test', GIT_AUTHOR_NAME: 'Ann' }, false);
  assert.equal(env.get('LANG'), 'de_DE.UTF-8');
  assert.equal(env.get('NODE_ENV'), 'test');
  assert.equal(env.get('GIT_AUTHOR_NAME'), 'Ann');
  assert.equal(env.get('HOME'), '/tmp');
  assert.match(env.get('PATH') ?? '', /^\/usr\/local\/bin:\/usr\/bin/);
  assert.doesNotMatch(env.get('PATH') ?? '', /gatehouse/);
  assert.match(runEnvironment({}, true).get('PATH') ?? '', /:\/opt\/gatehouse$/);
});

test('as many variables and bytes as allowed are taken, and one more is refused', () => {
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`V${i}`, '']));
  runEnvironment(many(MAX_VARIABLES), false);
  assert.throws(() => runEnvironment(many(MAX_VARIABLES + 1), false), { code: 'SANDBOX_SPEC_INVALID' });
  runEnvironment({ A: 'x'.repeat(MAX_ENVIRONMENT_BYTES - 3) }, false);
  assert.throws(() => runEnvironment({ A: 'x'.repeat(MAX_ENVIRONMENT_BYTES - 2) }, false), {
    code: 'SANDBOX_SPEC_INVALID',
  });
});
