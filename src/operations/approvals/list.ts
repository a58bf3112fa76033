import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { page, strict } from '../schema.ts';
import { concerns } from './access.ts';
import { ApprovalSchema, StatusSchema } from './schema.ts';

const DEFAULT_LIMIT = 100;

export const approvalsList = defineOperation({
  id: 'approvals.list',
  summary: 'List approvals; those that wait for an answer unless another status is asked for',
  input: strict({
    status: Type.Optional(StatusSchema),
    limit: Type.Optional(page(`Approvals at most; ${DEFAULT_LIMIT} when absent.`)),
  }),
  output: strict({ approvals: Type.Array(ApprovalSchema) }),
  scope: 'operator.approvals',
  effect: 'read',
  errors: [],
  cli: {
    command: 'approvals list',
    examples: ['gatehouse approvals list', 'gatehouse approvals list --status denied'],
    offline: true,
  },
  async run(context, input) {
    const { status = 'pending', limit = DEFAULT_LIMIT } = input;
    const approvals = await context.services.approvals.list({ status, limit });
    return { approvals: approvals.filter((approval) => concerns(context, approval)) };
  },
});
