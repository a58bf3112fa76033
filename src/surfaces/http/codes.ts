import { defineCodes } from '../../kernel/index.ts';

export const HTTP_CODES = defineCodes({
  HTTP_BODY_INVALID: {
    summary: 'the body is not a JSON object',
    fix: 'Send one JSON object as application/json.',
    status: 400,
  },
  HTTP_BODY_TOO_LARGE: {
    summary: 'the body is larger than this path takes',
    fix: 'Send less in one request.',
    status: 413,
  },
  HTTP_MEDIA_TYPE: {
    summary: 'only application/json in UTF-8 is taken, not compressed',
    fix: 'Send Content-Type: application/json, without Content-Encoding.',
    status: 415,
  },
  HTTP_TARGET_INVALID: {
    summary: 'the path of the request cannot be read',
    fix: 'Send a path of this gateway, with its percent-encoding complete.',
    status: 400,
  },
  HTTP_FIELD_INVALID: {
    summary: 'a field of the request cannot be used',
    fix: 'Correct the field that the message names.',
    status: 400,
  },
  HTTP_TOOL_CHOICE_UNMET: {
    summary: 'tool_choice cannot be met: the agent calls its own tools only',
    fix: 'Leave tool_choice out.',
    status: 502,
  },
});
