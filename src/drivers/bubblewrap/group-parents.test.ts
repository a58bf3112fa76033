import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupCandidates } from './group-parents.ts';

const UNIFIED = '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';

test('on a unified system the own group is tried first, then the one above, then the top', () => {
  const found = groupCandidates('0::/system.slice/gatehouse.service/main\n', UNIFIED);
  assert.deepEqual(found, [
    { version: 2, directories: ['/sys/fs/cgroup/system.slice/gatehouse.service/main'] },
    { version: 2, directories: ['/sys/fs/cgroup/system.slice/gatehouse.service'] },
    { version: 2, directories: ['/sys/fs/cgroup'] },
  ]);
});

test('in a container with a group namespace only the top is there to try', () => {
  assert.deepEqual(groupCandidates('0::/\n', UNIFIED), [{ version: 2, directories: ['/sys/fs/cgroup'] }]);
});

test('on version 1 memory and pids are two directories, also when controllers share a hierarchy', () => {
  const mounts = [
    '40 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
    '41 30 0:31 / /sys/fs/cgroup/cpu,pids rw - cgroup cgroup rw,cpu,pids',
  ].join('\n');
  const found = groupCandidates('8:cpu,pids:/a\n4:memory:/b/c\n1:name=systemd:/x\n', mounts);
  assert.deepEqual(found, [
    { version: 1, directories: ['/sys/fs/cgroup/memory/b/c', '/sys/fs/cgroup/cpu,pids/a'] },
    { version: 1, directories: ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/cpu,pids'] },
  ]);
});

test('a hierarchy that is mounted from below its root is read relative to that mount', () => {
  const mounts = '30 24 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw';
  assert.equal(groupCandidates('0::/docker/abc/run\n', mounts)[0]?.directories[0], '/sys/fs/cgroup/run');
  assert.equal(groupCandidates('0::/docker/abc\n', mounts)[0]?.directories[0], '/sys/fs/cgroup');
});

test('without memory and pids there is nowhere to make a group', () => {
  assert.deepEqual(
    groupCandidates('3:cpu:/\n', '40 30 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu'),
    [],
  );
  assert.deepEqual(groupCandidates('', ''), []);
});
