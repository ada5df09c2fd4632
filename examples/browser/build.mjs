// Makes the page: the component and all scripts and styles in one HTML file.
//
//   node build.mjs [COMPONENT [PAGE]]
//
// The page's policy names its one script and its one style by their hashes: it is made here, last.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, '../../target');
const component = resolve(process.argv[2] ?? join(target, 'component/mimecast-ttp-source.wasm'));
const page = resolve(process.argv[3] ?? join(target, 'browser/index.html'));

const html = assemble(
  await readFile(join(here, 'page.html'), 'utf8'),
  await bundleStyle(),
  await bundleScript(await transpiled(await readComponent(), join(dirname(page), 'component'))),
);
await writeFile(page, html);
console.error(`${page}: ${Math.round(Buffer.byteLength(html) / 1024)} KiB`);

async function readComponent() {
  try {
    return await readFile(component);
  } catch (error) {
    console.error(
      `cannot read the component: ${error.message}; build it with \`cargo xtask build\``,
    );
    process.exit(1);
  }
}

/** Writes the component as a script and its core modules into a folder, which it gives back. */
async function transpiled(bytes, folder) {
  const { files } = await transpileBytes(bytes, {
    name: 'source',
    instantiation: 'async',
    nodejsCompat: false,
    wasiShim: false,
    outDir: folder,
  });
  for (const [path, content] of Object.entries(files)) {
    const file = resolve(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return folder;
}

async function bundleScript(componentFolder) {
  const { outputFiles } = await build({
    entryPoints: [join(here, 'src/page.js')],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    // Not minified: who types keys into the page may want to read it first.
    charset: 'utf8',
    loader: { '.wasm': 'binary' },
    alias: { 'transpiled-component': componentFolder },
    // Only for a transpiled component that loads its own modules; this page hands them in.
    define: { 'import.meta.url': 'undefined' },
    legalComments: 'none',
    logLevel: 'warning',
  });
  return outputFiles[0].text;
}

async function bundleStyle() {
  const { outputFiles } = await build({
    entryPoints: [join(here, 'page.css')],
    bundle: true,
    write: false,
    charset: 'utf8',
    logLevel: 'warning',
  });
  return outputFiles[0].text.trim();
}

function assemble(template, style, script) {
  const parts = { POLICY: policy(style, script), STYLE: style, SCRIPT: script };
  return template.replace(/\{\{([A-Z]+)\}\}/g, (_, name) => parts[name]);
}

/** Nothing may be loaded, sent or embedded; no text may become script or markup. */
function policy(style, script) {
  const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  return [
    "default-src 'none'",
    `script-src ${hash(script)} 'wasm-unsafe-eval'`,
    `style-src ${hash(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}
