/** Each project is one kind of proof; `npx jest --selectProjects unit` runs one alone. */
const transform = {
  '^.+\\.[jt]s$': [
    '@swc/jest',
    {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
      module: { type: 'commonjs' },
    },
  ],
};

/** Packages that come as ES modules only, which jest must transform as well. */
const esModules = ['cookie'];

const project = (displayName, folders) => ({
  displayName,
  rootDir: import.meta.dirname,
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
  transform,
  transformIgnorePatterns: [`/node_modules/(?!(${esModules.join('|')})/)`],
  extensionsToTreatAsEsm: [],
});

export default {
  maxWorkers: 2,
  // For what hangs: simulated hours take seconds, and many of them on a slow machine.
  testTimeout: 60_000,
  projects: [
    project('unit', ['unit', 'golden', 'tidy']),
    project('suites', ['suites']),
    project('scenario', ['scenario']),
    project('sim', ['sim']),
    project('fuzz', ['fuzz']),
    project('system', ['system']),
  ],
};
