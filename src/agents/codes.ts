import { defineCodes } from '../kernel/index.ts';

/** Failures of sessions: their keys, their rows, and the room they have. */
export const SESSION_CODES = defineCodes({
  SESSION_KEY_INVALID: {
    summary: 'this is not a session key',
    fix: 'Use main, a name of letters, digits and . _ : @ + -, or agent:<agent>:<name>.',
    status: 400,
  },
  SESSION_NOT_FOUND: {
    summary: 'there is no such session',
    fix: 'List the sessions with: gatehouse sessions list',
    status: 404,
  },
  SESSION_BUSY: {
    summary: 'a turn of this session is still running',
    fix: 'Wait for it or end it with: gatehouse sessions abort KEY',
    status: 409,
  },
  SESSION_PATCH_INVALID: {
    summary: 'a session cannot be changed like that',
    fix: 'Labels and levels are short texts; null clears them.',
    status: 400,
  },
});

/** Failures of a turn as a whole. */
export const TURN_CODES = defineCodes({
  TURN_MESSAGE_INVALID: {
    summary: 'the message is empty or too large',
    fix: 'Send between 1 and 262144 bytes of text; put more into a file of the workspace.',
    status: 413,
  },
  TURN_KEY_INVALID: {
    summary: 'the idempotency key is not usable',
    fix: 'Send 1 to 200 visible ASCII characters, for example a UUID, and a new one for each message.',
    status: 400,
  },
  TURN_KEY_REUSED: {
    summary: 'this idempotency key already names another message',
    fix: 'Use a new key for a new message; repeat a key only to repeat the same request.',
    status: 409,
  },
  TURN_AGENT_UNKNOWN: {
    summary: 'no such agent is configured',
    fix: 'List the agents with: gatehouse agents list',
    status: 404,
  },
  TURN_WORKSPACES_FULL: {
    summary: 'the agent has no room for the workspace of one more task',
    fix: 'Wait until old ones are taken away, shorten `files.ephemeral.keepHours`, or raise `most` or `megabytes` in the playbook.',
    status: 507,
  },
  TURN_BUSY: {
    summary: 'this session already runs a turn and its queue is full',
    fix: 'Wait for the running turn or end it with: gatehouse sessions abort KEY',
    status: 409,
  },
  TURN_DRAINING: {
    summary: 'the gateway is stopping and takes no new turns',
    fix: 'Send the message again when the gateway is back.',
    status: 503,
  },
  TURN_STEP_LIMIT: {
    summary: 'the turn used all the model calls it may make',
    fix: 'Ask for less at once, or raise turn.steps of this agent.',
    status: 422,
  },
  TURN_TOKEN_LIMIT: {
    summary: 'the turn used all the tokens it may use',
    fix: 'Ask for less at once, or raise turn.tokens of this agent.',
    status: 422,
  },
  TURN_TIMEOUT: {
    summary: 'the turn took longer than it may',
    fix: 'Ask for less at once, or raise turn.wallMs of this agent.',
    status: 504,
  },
  TURN_INTERRUPTED: {
    summary: 'the gateway stopped while this turn was running; nothing was run a second time',
    fix: 'Read the session, see what was done, and ask again for the rest.',
    status: 503,
  },
  TURN_SUSPENDED: {
    summary: 'the gateway is stopping; this turn waits for its approval and goes on after the start',
    fix: 'Answer the approval when the gateway is back: gatehouse approvals list',
    status: 503,
  },
  TURN_NOT_RECORDED: {
    summary: 'the ledger could not record what this turn was about to do, so it was not done',
    fix: 'Check free space and the ledger with: gatehouse doctor',
    status: 503,
  },
  TURN_ABORTED: {
    summary: 'the turn was ended before it finished',
    fix: 'Send the message again if it is still wanted.',
    status: 499,
  },
});

/** Failures of a model or of the way to it. `details.retryable` says whether trying again makes sense. */
export const MODEL_CODES = defineCodes({
  MODEL_UNKNOWN: {
    summary: 'this agent has no such model',
    fix: 'List the models with: gatehouse models list',
    status: 400,
  },
  MODEL_RATE_LIMITED: {
    summary: 'the provider limits how often it may be asked',
    fix: 'Wait, or give the agent a second model to fall back to.',
    status: 429,
  },
  MODEL_OVERLOADED: {
    summary: 'the provider is overloaded',
    fix: 'Wait, or give the agent a second model to fall back to.',
    status: 503,
  },
  MODEL_AUTH: {
    summary: 'the provider refused the credential',
    fix: 'Check the key of this provider and that it is bound to its host: gatehouse doctor',
    status: 502,
  },
  MODEL_CONTEXT_LENGTH: {
    summary: 'the conversation is longer than the model can read',
    fix: 'Reset the session, or lower turn.contextTokens so that it is summarised earlier.',
    status: 422,
  },
  MODEL_REFUSED: {
    summary: 'the model or its provider refused to answer this',
    fix: 'Ask in another way, or use another model.',
    status: 422,
  },
  MODEL_UNAVAILABLE: {
    summary: 'the provider could not be reached or broke off',
    fix: 'Check the way to it with: gatehouse egress check URL',
    status: 502,
  },
  MODEL_BAD_RESPONSE: {
    summary: 'the provider answered something that is not a model response',
    fix: 'Check the base URL and the api of this provider in the configuration.',
    status: 502,
  },
  MODEL_SCRIPT_INVALID: {
    summary: 'the rehearsal script is not valid',
    fix: 'A script is a list of steps; each has text, toolCalls, or error with times, and optionally usage.',
    status: 400,
  },
});

/** Failures of one tool call; most of them go back to the model as an error result. */
export const TOOL_CODES = defineCodes({
  TOOL_UNKNOWN: {
    summary: 'there is no such tool',
    fix: 'List the tools with: gatehouse tools list',
    status: 404,
  },
  TOOL_ARGUMENTS_INVALID: {
    summary: "the arguments do not fit the tool's schema",
    fix: 'Call the tool again with arguments as its schema says.',
    status: 400,
  },
  TOOL_PATH_INVALID: {
    summary: 'this is not a usable path inside the sandbox',
    fix: 'Give a path below /workspace, absolute or relative to it, of at most 1024 bytes.',
    status: 400,
  },
  TOOL_PATH_LINK: {
    summary: 'the path leads through a symbolic link',
    fix: 'Give the real path, so that it can be decided on.',
    status: 403,
  },
  TOOL_FILE_NOT_FOUND: {
    summary: 'there is no such file',
    fix: 'List the directory first.',
    status: 404,
  },
  TOOL_EDIT_NO_MATCH: {
    summary: 'the text to replace is not in the file, or is there more than once',
    fix: 'Read the file and give a text that occurs exactly once, or set all.',
    status: 409,
  },
  TOOL_FILE_CHANGED: {
    summary: 'the file changed while it was being edited; nothing was written',
    fix: 'Read it again and repeat the edit.',
    status: 409,
  },
  TOOL_TOO_LARGE: {
    summary: 'the file is too large for this tool',
    fix: 'Read a range of lines, or use search.',
    status: 413,
  },
  TOOL_NO_WAY_OUT: {
    summary: 'this agent has no egress rule, so nothing can be fetched',
    fix: "Ask an operator to list the host in the agent's playbook.",
    status: 403,
  },
  TOOL_FETCH_FAILED: {
    summary: 'the page could not be fetched',
    fix: 'Check the address with: gatehouse egress check URL',
    status: 502,
  },
  TOOL_APPROVAL_DENIED: {
    summary: 'a person refused this action',
    fix: 'Do not repeat it; ask the user how to go on.',
    status: 403,
  },
  TOOL_APPROVAL_EXPIRED: {
    summary: 'nobody answered the approval in time',
    fix: 'Ask the user, then request it again.',
    status: 408,
  },
  TOOL_APPROVAL_REQUIRED: {
    summary: 'this action waits for a person',
    fix: 'Approve it, then call again: gatehouse approvals list',
    status: 409,
  },
  TOOL_FAILED: {
    summary: 'the tool could not do its work',
    fix: 'Read the message, change the arguments, and try again.',
    status: 422,
  },
  TOOL_STOPPED: {
    summary: 'the tool was stopped before it finished',
    fix: 'Ask for less at once.',
    status: 504,
  },
  TOOL_RIGHT_ENDED: {
    summary: 'the tool was stopped because what allowed it has ended',
    fix: 'A grant was revoked or ran out, or a rule was taken away; an operator can say whether it is still needed.',
    status: 403,
  },
  TOOL_IN_FLIGHT: {
    summary: 'this tool call is already running',
    fix: 'Wait for it; repeat a key only to repeat the same call.',
    status: 409,
  },
});
