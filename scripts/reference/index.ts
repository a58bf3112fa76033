import { configJsonSchema } from '../../src/configuration/schema.ts';
import { OPERATIONS } from '../../src/operations/index.ts';
import { openApiOf } from '../../src/surfaces/http/openapi.ts';
import { cliPage } from './cli-page.ts';
import { codesPage } from './codes-page.ts';
import { openclawChecksPage } from './openclaw-checks-page.ts';
import { operationsPage } from './operations-page.ts';

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** File name in docs/reference → what it must hold. */
export function referenceFiles(version: string): ReadonlyMap<string, string> {
  return new Map([
    ['operations.md', operationsPage()],
    ['cli.md', cliPage()],
    ['codes.md', codesPage()],
    ['openclaw-checks.md', openclawChecksPage()],
    ['openapi.json', json(openApiOf(OPERATIONS, version))],
    ['config.schema.json', json(configJsonSchema())],
  ]);
}
