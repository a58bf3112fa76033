import { classifyAddress, judgeHost, judgePort } from '../controls/egress/index.ts';
import type { JudgeValue } from '../controls/grants/index.ts';

/** A destination that a grant may open: a public one, spelled exactly. Local and private ones take a rule (E3). */
export const judgeDestination: JudgeValue = (_kind, attribute, value) => {
  if (attribute === 'port') {
    const port = judgePort(value);
    return port.ok ? { value: String(port.port) } : { problem: port.message };
  }
  const judged = judgeHost(value);
  if (!judged.ok) return { problem: judged.message };
  if (judged.local) return { problem: 'a local name takes a rule with its networks, not a grant' };
  if (judged.literal !== 0 && !classifyAddress(judged.host).public) {
    return { problem: 'an address that is not public takes a rule with its networks, not a grant' };
  }
  return { value: judged.host };
};
