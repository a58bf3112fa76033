// A model that answers at once: what remains of a turn's time belongs to the gateway that is measured.
import { createServer } from 'node:http';

const WORDS = 'The answer is forty two and it comes in several pieces so that streams are streams.'.split(
  ' ',
);

createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const { stream, model = 'm' } = body === '' ? {} : JSON.parse(body);
    const base = { id: 'c-1', created: 1, model };
    const usage = { prompt_tokens: 20, completion_tokens: WORDS.length, total_tokens: 20 + WORDS.length };
    if (stream !== true) {
      const message = { role: 'assistant', content: WORDS.join(' ') };
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          ...base,
          object: 'chat.completion',
          choices: [{ index: 0, message, finish_reason: 'stop' }],
          usage,
        }),
      );
      return;
    }
    response.setHeader('content-type', 'text/event-stream');
    const send = (delta, finish_reason = null) =>
      response.write(
        `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`,
      );
    send({ role: 'assistant', content: '' });
    for (const word of WORDS) send({ content: `${word} ` });
    send({}, 'stop');
    response.write(
      `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices: [], usage })}\n\n`,
    );
    response.end('data: [DONE]\n\n');
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
