/** A copy of what the simulator runs, to plant a bug in. */
import { cp, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const parts = ['pool', 'iscsi', 'src', 'test/sim', 'package.json'];

export interface Edit {
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** The text with the edit made; throws when what it replaces is not there exactly once. */
export function edited(text: string, edit: Edit): string {
  const places = text.split(edit.find).length - 1;
  if (places !== 1) {
    throw new Error(`${edit.file} has ${places} places, not one, that read:\n${edit.find}`);
  }
  return text.replace(edit.find, () => edit.replace);
}

/** Each file that the edits change, with its new text. */
export async function editedFiles(
  edits: readonly Edit[],
  directory = root,
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const edit of edits) {
    const text = texts.get(edit.file) ?? (await readFile(join(directory, edit.file), 'utf8'));
    texts.set(edit.file, edited(text, edit));
  }
  return texts;
}

/** Gives a copy of a tree, of this one at first, to `use` and removes it afterwards. */
export async function inCopy<T>(
  use: (directory: string) => Promise<T>,
  original = root,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'scale-planted-'));
  try {
    for (const part of parts) {
      await cp(join(original, part), join(directory, part), { recursive: true });
    }
    await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export async function edit(directory: string, edits: readonly Edit[]): Promise<void> {
  for (const [file, text] of await editedFiles(edits, directory)) {
    await writeFile(join(directory, file), text);
  }
}

/**
 * Takes the assertions of the pool away, so that a bug can do its harm: what is left to notice it is
 * who looks from outside.
 */
export async function silenceAssertions(directory: string): Promise<void> {
  const quiet = join(directory, 'src/base/quiet-assert.ts');
  const text = await readFile(join(directory, 'src/base/assert.ts'), 'utf8');
  const edit = {
    file: 'src/base/assert.ts',
    find: 'if (!condition) throw new InvariantError(message);',
    replace: 'void condition; void message;',
  };
  await writeFile(quiet, edited(text, edit));
  const names = await readdir(join(directory, 'pool'), { recursive: true });
  for (const name of names.filter((it) => it.endsWith('.ts'))) {
    const file = join(directory, 'pool', name);
    const source = await readFile(file, 'utf8');
    await writeFile(file, source.replace('src/base/assert.ts', 'src/base/quiet-assert.ts'));
  }
}
