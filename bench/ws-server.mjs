// What is left of a gateway when everything but `ws` is taken away: challenge, connect, an answer of the same size.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const [size = '0'] = process.argv.slice(2);
const payload = { type: 'hello-ok', pad: 'x'.repeat(Number(size)) };
const server = createServer();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });
server.on('upgrade', (request, socket, head) =>
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on('message', (data) => {
      const { id } = JSON.parse(String(data));
      client.send(JSON.stringify({ type: 'res', id, ok: true, payload }));
    });
    client.on('error', () => client.terminate());
    client.send(
      JSON.stringify({ type: 'event', event: 'connect.challenge', payload: { nonce: crypto.randomUUID() } }),
    );
  }),
);
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
