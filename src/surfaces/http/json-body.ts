import type { FastifyInstance } from 'fastify';
import { HTTP_CODES } from './codes.ts';

const CHARSET = /;\s*charset\s*=\s*"?([^\s";]*)/i;

/**
 * Only JSON, so that a form of another site cannot say anything that we read; only UTF-8 that is not compressed, so
 * that nobody in between reads it as something else. An empty body is no body.
 */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const { 'content-encoding': coding = 'identity', 'content-type': type = '' } = request.headers;
    const charset = CHARSET.exec(type)?.[1] ?? 'utf-8';
    if (coding.toLowerCase() !== 'identity' || !/^utf-?8$/i.test(charset)) {
      done(HTTP_CODES.error('HTTP_MEDIA_TYPE'));
      return;
    }
    const text = textOf(body as Buffer);
    if (text === undefined) done(HTTP_CODES.error('HTTP_BODY_INVALID'));
    else if (text === '') done(null, undefined);
    else parse(request, text, done);
  });
}

/** Bytes as UTF-8 text; undefined when they are not (RFC 8259 section 8.1). */
function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
