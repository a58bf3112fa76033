import { isIP } from 'node:net';
import { commandProblem, isSandboxPath, TOOLS } from '../configuration/index.ts';
import type { JudgeValue } from '../controls/grants/index.ts';
import { judgeDestination } from './grant-values.ts';

const PLANES: readonly string[] = ['users', 'admin', 'metrics', 'webhooks'];

/** What each kind's values must look like, answered by the parts that own them. */
export const judgeGrantValue: JudgeValue = (kind, attribute, value) => {
  switch (kind) {
    case 'net.connect':
      return judgeDestination(kind, attribute, value);
    case 'tool.call':
      return TOOLS.includes(value) ? { value } : { problem: `there is no tool ${JSON.stringify(value)}` };
    case 'exec': {
      const problem = attribute === 'command' ? commandProblem(value) : undefined;
      return problem === undefined ? { value } : { problem };
    }
    case 'file.read':
    case 'file.write':
      return isSandboxPath(value)
        ? { value }
        : { problem: 'an absolute path below /workspace, /data, /mnt or /tmp is needed' };
    case 'listen.open':
      if (attribute === 'plane') {
        return PLANES.includes(value) ? { value } : { problem: `the planes are ${PLANES.join(', ')}` };
      }
      return isIP(value) === 0 ? { problem: 'an address is needed' } : { value };
    default:
      return { value };
  }
};
