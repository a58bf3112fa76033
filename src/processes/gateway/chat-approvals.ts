import { randomUUID } from 'node:crypto';
import type { ApprovalsPort, Approver } from '../../channels/index.ts';
import type { Principal } from '../../controls/auth/types.ts';
import type { ApprovalAnswer, ApprovalRecord } from '../../controls/execution/types.ts';
import type { Dispatcher } from '../../operations/define.ts';
import type { Core } from '../core.ts';

/** Records that are asked about at once; further ones come with the next look. */
const MAX_ASKED = 500;

/**
 * Approvals as chats see them. An answer is an operation like any other, called by the principal that the sender stands
 * for: scopes, agents, people and records are those of every surface.
 */
export function chatApprovals(core: Core, dispatcher: () => Dispatcher): ApprovalsPort {
  const { auth, senders, approvals, callers } = core;

  async function known(): Promise<readonly (readonly [Approver, Principal])[]> {
    const found: (readonly [Approver, Principal])[] = [];
    for (const { sender: value, principal } of await auth.chatApprovers()) {
      const [channel = '', account = '', sender = ''] = value.split('/');
      const key = { channel, account, sender };
      if (!(await senders.stands(key))) continue;
      found.push([{ ...key, principal: principal.id, agents: principal.agents }, principal]);
    }
    return found;
  }

  function callerOf({ channel, sender }: Approver, principal: Principal, trace: string) {
    const caller = callers.callerOf(principal, 'chat', trace);
    return { ...caller, subject: { ...caller.subject, channel, sender } };
  }

  return {
    approvers: async () => (await known()).map(([approver]) => approver),
    pending: () => approvals.list({ status: 'pending', limit: MAX_ASKED }),
    get: (id) => approvals.get(id),
    mayAnswer: ({ principal }, id) => approvals.mayAnswer(id, { principal }),
    async answer(approver, id, answer, trace): Promise<ApprovalRecord> {
      const found = (await known()).find(([one]) => isSame(one, approver));
      // Gone since the message was read: the operation refuses whoever has no right.
      const principal = found?.[1] ?? nobody(approver);
      const { operation, input } = operationOf(id, answer);
      const result = await dispatcher().call(operation, callerOf(approver, principal, trace), input);
      return (result as { readonly approval: ApprovalRecord }).approval;
    },
    subscribe: (listener) => approvals.subscribe(listener),
  };
}

function isSame(a: Approver, b: Approver): boolean {
  return (
    a.principal === b.principal && a.channel === b.channel && a.account === b.account && a.sender === b.sender
  );
}

function nobody({ principal }: Approver): Principal {
  return { id: principal, name: principal, kind: 'chat', scopes: [], agents: [], credentialId: randomUUID() };
}

function operationOf(id: string, { decision, forMs }: ApprovalAnswer) {
  if (forMs === undefined) return { operation: 'approvals.resolve', input: { id, decision } };
  return { operation: 'approvals.approve', input: { id, for: `${Math.round(forMs / 60_000)}m` } };
}
