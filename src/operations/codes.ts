import { defineCodes } from '../kernel/index.ts';

export const OP_CODES = defineCodes({
  OP_UNKNOWN: {
    summary: 'there is no operation of this name',
    fix: 'See docs/reference/operations.md, or `gatehouse --help`, for every operation there is.',
    status: 404,
  },
  OP_INPUT_INVALID: {
    summary: 'the input does not fit this operation',
    fix: 'Correct the fields listed in details.issues; `gatehouse <command> --help` shows what is expected.',
    status: 400,
  },
  OP_OUTPUT_INVALID: {
    summary: 'the operation produced a result that does not fit its own description',
    fix: 'Report it with the code: this is a defect of Gatehouse. Look in logs/gateway.log for the field.',
    status: 500,
  },
  OP_NOT_RECORDED: {
    summary: 'the ledger could not record the action before it starts, so it was not started',
    fix: 'Run `gatehouse doctor`: check free disk space and the permissions of state/ledger.db.',
    status: 503,
  },
  OP_AGENT_UNKNOWN: {
    summary: 'there is no agent of this name',
    fix: '`gatehouse agents list` shows the agents; agents.entries in gatehouse.json defines them.',
    status: 404,
  },
  OP_SESSION_NOT_FOUND: {
    summary: 'there is no such session among yours',
    fix: '`gatehouse sessions list` shows the sessions you may see.',
    status: 404,
  },
  OP_RUN_NOT_FOUND: {
    summary: 'there is no such run among yours',
    fix: 'Use the runId that agent.run or chat.send answered with; finished runs are forgotten after a while.',
    status: 404,
  },
  OP_APPROVAL_NOT_FOUND: {
    summary: 'there is no such approval for an agent of yours',
    fix: '`gatehouse approvals list` shows what waits for an answer.',
    status: 404,
  },
  OP_RECORD_NOT_FOUND: {
    summary: 'the ledger has no record of this writer and number',
    fix: '`gatehouse ledger tail` shows writers and numbers; `gatehouse ledger verify` finds missing records.',
    status: 404,
  },
});
