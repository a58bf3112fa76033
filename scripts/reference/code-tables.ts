import { EGRESS_CLIENT_CODES } from '../../src/drivers/egress-client/index.ts';
import { SANDBOX_CODES } from '../../src/drivers/sandbox/codes.ts';
import { STORE_CODES } from '../../src/drivers/sqlite/index.ts';
import { CODE_CHAPTERS, type CodeChapter } from '../../src/operations/reference/codes.ts';
import { PROCESS_CODES } from '../../src/processes/codes.ts';
import { EGRESS_PROCESS_CODES } from '../../src/processes/egress/codes.ts';
import { CLI_CODES } from '../../src/surfaces/cli/codes.ts';
import { HTTP_CODES } from '../../src/surfaces/http/codes.ts';
import { WS_CODES } from '../../src/surfaces/ws/codes.ts';

/** Every failure code there is: the layers below the surfaces, the surfaces, the drivers and the processes. */
export const ALL_CODES: readonly CodeChapter[] = [
  ...CODE_CHAPTERS,
  { title: 'Sandbox', table: SANDBOX_CODES.table },
  { title: 'Connection to egress', table: EGRESS_CLIENT_CODES.table },
  { title: 'Store', table: STORE_CODES.table },
  { title: 'HTTP', table: HTTP_CODES.table },
  { title: 'WebSocket', table: WS_CODES.table },
  { title: 'Command line', table: CLI_CODES.table },
  { title: 'Processes', table: PROCESS_CODES.table },
  { title: 'Egress process', table: EGRESS_PROCESS_CODES.table },
];
