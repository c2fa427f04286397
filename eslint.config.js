/** strict-type-checked, the import walls of ARCHITECTURE.md, and what the cores may not touch. */
import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const wall = (regex, message) => ({ regex, message });

const noApps = wall(
  '(^|/)src/(?!base/)',
  'The cores reach the world through ports (src/base/ports.ts).',
);
const onlyPure = wall(
  '^node:(?!crypto$|buffer$|assert$)',
  'The cores have no sockets, files, timers or processes of their own: use a port.',
);
const onlyPureCrypto = {
  regex: '^node:crypto$',
  importNamePattern: '^(random|generate|webcrypto|getRandom)',
  message: 'Randomness comes through the Random port.',
};
const noPackages = wall('^(?!node:|\\.|@node-rs/crc32$)', 'The cores use no packages.');

const bannedGlobals = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process',
  'fetch',
  'crypto',
].map((name) => ({ name, message: 'The cores take time, randomness and I/O through ports.' }));

const core = {
  'no-restricted-globals': ['error', ...bannedGlobals],
  'no-restricted-properties': [
    'error',
    { object: 'Math', property: 'random', message: 'Randomness comes through the Random port.' },
  ],
};

const imports = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

export default defineConfig(
  { ignores: ['dist/', 'data/', 'coverage/', 'node_modules/', '.cache/'] },
  js.configs.recommended,
  { files: ['**/*.ts'], extends: [tseslint.configs.strictTypeChecked] },
  {
    files: ['**/*.ts'],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      // `const X = {…} as const; type X = …` is how this project writes an enum.
      'no-redeclare': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/base/**'],
    rules: imports(
      wall('^\\.\\./', 'src/base is a leaf: it imports nothing of the project.'),
      onlyPure,
      noPackages,
    ),
  },
  {
    files: ['iscsi/**'],
    rules: {
      ...core,
      ...imports(
        wall('(^|/)pool/', 'iscsi/ and pool/ never import each other.'),
        noApps,
        onlyPure,
        onlyPureCrypto,
        noPackages,
      ),
    },
  },
  {
    files: ['iscsi/scsi/**'],
    rules: imports(
      wall('(^|/)pool/', 'iscsi/ and pool/ never import each other.'),
      wall(
        '\\.\\./(pdu/|login/|target/|session|connection|server)',
        'The SCSI device server knows nothing of the transport.',
      ),
      noApps,
      onlyPure,
      onlyPureCrypto,
      noPackages,
    ),
  },
  {
    // The only socket.
    files: ['iscsi/server.ts'],
    rules: imports(
      wall('(^|/)pool/', 'iscsi/ and pool/ never import each other.'),
      noApps,
      wall('^node:(?!crypto$|buffer$|assert$|net$)', 'server.ts adds node:net and nothing else.'),
      onlyPureCrypto,
      noPackages,
    ),
  },
  {
    files: ['pool/**'],
    rules: {
      ...core,
      ...imports(
        wall('(^|/)iscsi/', 'iscsi/ and pool/ never import each other.'),
        noApps,
        onlyPure,
        onlyPureCrypto,
        noPackages,
      ),
    },
  },
  {
    files: ['src/io/**'],
    rules: imports(
      wall('(^|/)(api|cli)/|(^|/)main\\.ts$', 'src/io implements ports, nothing above.'),
    ),
  },
  {
    files: ['src/api/**'],
    rules: imports(wall('(^|/)(io|cli)/|(^|/)main\\.ts$', 'The API is handed what it needs.')),
  },
  {
    files: ['src/cli/**'],
    rules: {
      ...imports(
        wall(
          '(^|/)(pool|iscsi|io|api)/|(^|/)main\\.ts$',
          'The CLI is a thin client of the REST API.',
        ),
      ),
    },
  },
  {
    files: ['test/**'],
    rules: {
      'max-lines-per-function': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  { files: ['**/*.js'], languageOptions: { globals: { URL: 'readonly', process: 'readonly' } } },
);
