import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Fixture } from './testing/fixture.ts';

const fixture = new Fixture();
after(() => fixture[Symbol.dispose]());

/** A missing tool fails the test with what to install: a sandbox in which nobody can work is not one. */
function needs(path: string, install: string): void {
  assert.ok(existsSync(path), `${path} is missing: ${install}`);
}

test('a shell pipeline over coreutils, grep, sed, find and awk works', async () => {
  const { out, exitCode } = await fixture.sh(
    'mkdir -p a/b && printf "3 c\\n1 a\\n2 b\\n" > a/b/list && find . -name list | xargs sort | grep -v "^2" | sed "s/ /-/" | awk "{print NR, \\$0}" | tee out; rm -r a',
  );
  assert.equal(exitCode, 0);
  assert.equal(out, '1 1-a\n2 3-c\n');
  assert.equal(readFileSync(join(fixture.workspace, 'out'), 'utf8'), out);
});

test('git makes a repository, commits and shows it', async () => {
  needs('/usr/bin/git', 'apt-get install git');
  const { out, err, exitCode } = await fixture.sh(
    'git init -q repo && cd repo && echo hello > file && git add file && git commit -qm first && git log --format=%an:%s && git status --porcelain && git diff HEAD --stat',
    {
      env: {
        GIT_AUTHOR_NAME: 'Ann',
        GIT_AUTHOR_EMAIL: 'a@example.org',
        GIT_COMMITTER_NAME: 'Ann',
        GIT_COMMITTER_EMAIL: 'a@example.org',
      },
    },
  );
  assert.equal(exitCode, 0, err);
  assert.equal(out, 'Ann:first\n');
});

test('a Node script with timers, child processes, workers and a local server works', async () => {
  needs('/usr/bin/node', 'apt-get install nodejs');
  writeFileSync(
    join(fixture.workspace, 'work.mjs'),
    `import { execFileSync } from 'node:child_process';
     import { createServer, get } from 'node:http';
     import { Worker } from 'node:worker_threads';
     const worker = new Worker('require("node:worker_threads").parentPort.postMessage(6 * 7)', { eval: true });
     const value = await new Promise((resolve) => worker.once('message', resolve));
     const server = createServer((_, response) => response.end('served'));
     await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
     const body = await new Promise((resolve) => get(server.address(), (r) => r.on('data', (d) => resolve(String(d)))));
     server.close();
     console.log(value, body, String(execFileSync('echo', ['child'])).trim());
     await worker.terminate();
     setTimeout(() => process.exit(0), 1);`,
  );
  const { out, err } = await fixture.run(['/usr/bin/node', 'work.mjs'], {
    limits: { memoryBytes: 1024 ** 3 },
  });
  assert.equal(out, '42 served child\n', err);
});

test('a Python script with threads, processes and temporary files works', async () => {
  needs('/usr/bin/python3', 'apt-get install python3');
  const script = `
import concurrent.futures, multiprocessing, subprocess, tempfile, threading
t = threading.Thread(target=lambda: print("thread", flush=True)); t.start(); t.join()
with multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, -2]), flush=True)
with tempfile.NamedTemporaryFile() as f: f.write(b"x"); print(f.name.startswith("/tmp/"))
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout.strip())
`;
  const { out, err } = await fixture.run(['/usr/bin/python3', '-c', script]);
  assert.equal(out, 'thread\n[1, 2]\nTrue\nchild\n', err);
});

test('a C program is compiled with make and runs', async () => {
  needs('/usr/bin/gcc', 'apt-get install gcc make');
  writeFileSync(
    join(fixture.workspace, 'hi.c'),
    '#include <stdio.h>\nint main(void) { puts("hi"); return 0; }\n',
  );
  writeFileSync(join(fixture.workspace, 'Makefile'), 'hi: hi.c\n\tgcc -O1 -o hi hi.c\n');
  const { out, err, exitCode } = await fixture.sh('make -s && ./hi');
  assert.equal(exitCode, 0, err);
  assert.equal(out, 'hi\n');
});

test('the user, the home, the host name and the working directory are the sandbox’s own', async () => {
  const { out } = await fixture.sh(
    'id -un; echo $HOME; hostname; pwd; umask; echo x > $HOME/f && cat /tmp/f',
  );
  assert.equal(out, 'agent\n/tmp\nsandbox\n/workspace\n0022\nx\n');
});

test('the standard streams can be opened by name, as scripts do', async () => {
  const script =
    'cat /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr; echo teed | tee /dev/stderr';
  const { out, err, exitCode } = await fixture.sh(script, { stdin: Buffer.from('in ') });
  assert.equal(exitCode, 0, err);
  assert.deepEqual([out, err], ['in out\nteed\n', 'err\nteed\n']);
});

test('what a run leaves unread or unwritten does not reach the next one', async () => {
  const left = await fixture.run(['true'], { stdin: Buffer.alloc(100_000, 'x') });
  assert.equal(left.exitCode, 0);
  const next = await fixture.run(['cat'], { stdin: Buffer.from('mine') });
  assert.equal(next.out, 'mine');
});
