import { CATALOGUE } from '../../src/configuration/openclaw-home/catalogue.ts';
import { page, table } from './markdown.ts';

/** docs/reference/openclaw-checks.md */
export function openclawChecksPage(): string {
  const reported = CATALOGUE.filter(({ there }) => there === 'reported').length;
  return page([
    '# Checks of OpenClaw, and what stands against each here',
    `OpenClaw 2026.9 documents ${CATALOGUE.length} ids of its own security audit. \`gatehouse security audit --home DIR\` reports ${reported} of them on an OpenClaw home, under the same ids; the rest say why not. On a Gatehouse home the third column holds: a rule that makes it impossible, or the finding that reports it. \`<p>\` stands for a channel, provider or plugin.`,
    table(
      ['check of OpenClaw', 'on an OpenClaw home', 'in Gatehouse', 'requirements'],
      CATALOGUE.map(({ id, there, here, requirements }) => [
        `\`${id}\``,
        there,
        here,
        requirements.join(', '),
      ]),
    ),
  ]);
}
