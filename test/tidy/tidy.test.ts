/** House rules that no compiler knows, over every file of ours. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folders = ['src', 'iscsi', 'pool', 'test', 'bin', '.ci', 'docker'];
const documents = ['README', 'ARCHITECTURE', 'DECISIONS', 'CONTRIBUTING', 'CHANGELOG'];

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : walk(path);
    return entry.isFile() ? [path] : [];
  });
}

const files = folders.flatMap((folder) => {
  const path = join(root, folder);
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? walk(path) : [];
});
const named = (path: string): string => relative(root, path);
const textOf = (path: string): string => readFileSync(path, 'utf8');
const typeScript = files.filter((path) => path.endsWith('.ts'));

/** Files of ours whose text matches, but this one. */
const matching = (paths: readonly string[], pattern: RegExp): string[] =>
  paths
    .filter((path) => basename(path) !== 'tidy.test.ts' && pattern.test(textOf(path)))
    .map(named);

/** SPC-4's own word for what carries out third-party copies. */
const COPY_MANAGER = 'copy-manager.ts';

describe('house rules', () => {
  test('there is something to look at', () => {
    expect(typeScript.length).toBeGreaterThan(10);
  });

  test('no source file reaches 500 lines', () => {
    const long = typeScript.filter((path) => textOf(path).split('\n').length > 500);
    expect(long.map(named)).toEqual([]);
  });

  test('file names are in kebab-case and name a thing, not a drawer', () => {
    const bad = typeScript
      .map((path) => basename(path))
      .filter(
        (name) =>
          !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.ts$/.test(name) ||
          (/(^|-)(utils?|helpers?|manager|misc|common)[.-]/.test(name) && name !== COPY_MANAGER),
      );
    expect(bad).toEqual([]);
  });

  test('relative imports end in .ts', () => {
    expect(matching(typeScript, /from '\.{1,2}\/[^']*(?<!\.ts)';/)).toEqual([]);
  });

  test('no work is left as a note', () => {
    expect(matching(files, /\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([]);
  });

  test('no test is the only one, and none is skipped for good', () => {
    expect(matching(typeScript, /\b(describe|test|it)\.(only|skip|todo)\(/)).toEqual([]);
  });

  test('no check of the compiler is switched off', () => {
    expect(matching(typeScript, /@ts-(ignore|nocheck|expect-error)/)).toEqual([]);
  });

  test('TypeScript stays erasable: no enum, no namespace', () => {
    expect(matching(typeScript, /^\s*(export )?(const )?(enum|namespace) \w/m)).toEqual([]);
  });

  test('no file names a place of the machine it was written on', () => {
    const ours = [...files, ...documents.map((name) => join(root, `${name}.md`))];
    expect(matching(ours, /\/(work|home|Users)\/(?!\*)\w/)).toEqual([]);
  });

  test('the core and its tests use jest, not the test runner of Node', () => {
    expect(matching(typeScript, /from 'node:test'/)).toEqual([]);
  });
});

describe('documents', () => {
  test.each(documents)('%s.md is there and says something', (name) => {
    expect(textOf(join(root, `${name}.md`)).length).toBeGreaterThan(500);
  });

  test('the licence is Apache-2.0, whole', () => {
    const licence = textOf(join(root, 'LICENSE'));
    expect(licence).toContain('Apache License');
    expect(licence.split('\n').length).toBeGreaterThan(190);
  });

  test('the changelog has a heading for formats', () => {
    expect(textOf(join(root, 'CHANGELOG.md'))).toMatch(/^### Formats$/m);
  });

  test('every dependency has an entry in DECISIONS', () => {
    const manifest = JSON.parse(textOf(join(root, 'package.json'))) as {
      dependencies: Record<string, string>;
    };
    const decisions = textOf(join(root, 'DECISIONS.md'));
    const missing = Object.keys(manifest.dependencies).filter((name) => !decisions.includes(name));
    expect(missing).toEqual([]);
  });
});
