/**
 * Runs inside the sandbox: `node fetch.mjs URL [MAX_BYTES]`. Fetches one text document through the run's
 * egress socket and prints one JSON object: the document, or `{"error":{"code","message"}}`.
 */
import { DEFAULT_MAX_BYTES, download } from './download.ts';

const SOCKET = process.env['GATEHOUSE_EGRESS_SOCKET'] ?? '/run/gatehouse/egress.sock';

const [url = '', maxBytes] = process.argv.slice(2);
const answer = await download(url, {
  socketPath: SOCKET,
  maxBytes: maxBytes === undefined ? DEFAULT_MAX_BYTES : Number(maxBytes),
});
process.stdout.write(`${JSON.stringify(answer)}\n`);
process.exitCode = 'error' in answer ? 1 : 0;
