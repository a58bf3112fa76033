// Bundles the processes into dist/: one set of ES modules with shared chunks, loaded without a resolver walk.
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './setup.mjs';

const dist = join(ROOT, 'dist');
const stamp = join(dist, 'built');

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) latest = Math.max(latest, newest(path));
    else if (!entry.name.endsWith('.test.ts')) latest = Math.max(latest, statSync(path).mtimeMs);
  }
  return latest;
}

const sources = Math.max(
  newest(join(ROOT, 'src')),
  ...['package-lock.json', 'scripts/build.mjs'].map((name) => statSync(join(ROOT, name)).mtimeMs),
);
if (process.argv.includes('--if-stale') && existsSync(stamp) && statSync(stamp).mtimeMs >= sources)
  process.exit(0);

/**
 * Importing node:http as an ES module reads every export once, and one of them loads Node's own undici (15 MB of
 * resident memory that nothing here uses). The bundle takes what it names from the same module as CommonJS does.
 */
const leanHttp = {
  name: 'lean-http',
  setup(build) {
    build.onResolve({ filter: /^node:http$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: 'node:http', namespace: 'lean-http' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'lean-http' }, () => ({
      contents: `const http = process.getBuiltinModule('node:http');
        export const { Agent, createServer, IncomingMessage, request, Server, ServerResponse, STATUS_CODES } = http;
        export default http;`,
    }));
  },
};

/** Parts of Fastify that are never asked for: schema compilers and a test client. Their text alone is 0.4 MB. */
const UNUSED = /^(@fastify\/ajv-compiler|@fastify\/fast-json-stringify-compiler|light-my-request)$/;
const withoutUnused = {
  name: 'without-unused',
  setup(build) {
    build.onResolve({ filter: UNUSED }, ({ path }) => ({ path, namespace: 'unused' }));
    build.onLoad({ filter: /.*/, namespace: 'unused' }, ({ path }) => ({
      contents: `module.exports = () => { throw new Error(${JSON.stringify(`${path} is not part of this build`)}); };`,
    }));
  },
};

rmSync(dist, { recursive: true, force: true });
const common = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  legalComments: 'none',
  logLevel: 'warning',
  // CommonJS packages inside the bundle still ask for Node's own modules with require().
  banner: {
    js: "import { createRequire as gatehouseRequire } from 'node:module'; const require = gatehouseRequire(import.meta.url);",
  },
};
await build({
  ...common,
  entryPoints: ['cli', 'launcher', 'gateway', 'egress', 'prober', 'masker', 'backup'].map((name) =>
    join(ROOT, 'src', 'processes', `${name}.ts`),
  ),
  outdir: dist,
  outExtension: { '.js': '.mjs' },
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  minify: true,
  keepNames: true,
  plugins: [leanHttp, withoutUnused],
  // Its CommonJS build has no named exports for a dynamic import in the bundle; this is the same as ES modules.
  alias: { yaml: join(ROOT, 'node_modules', 'yaml', 'browser', 'dist', 'index.js') },
  define: { 'globalThis.GATEHOUSE_BUNDLED': 'true' },
});
await build({
  ...common,
  banner: {},
  entryPoints: ['bridge', 'fetch'].map((name) =>
    join(ROOT, 'src', 'drivers', 'bubblewrap', 'inside', `${name}.ts`),
  ),
  outdir: join(dist, 'inside'),
  outExtension: { '.js': '.mjs' },
});
writeFileSync(stamp, '');
