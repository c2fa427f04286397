/** Each project is one kind of proof; `npx jest --selectProjects unit` runs one alone. */
const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
      module: { type: 'commonjs' },
    },
  ],
};

const project = (displayName, folders) => ({
  displayName,
  rootDir: import.meta.dirname,
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
  transform,
  extensionsToTreatAsEsm: [],
});

export default {
  maxWorkers: 2,
  projects: [
    project('unit', ['unit', 'golden', 'tidy']),
    project('suites', ['suites']),
    project('scenario', ['scenario']),
    project('sim', ['sim']),
    project('system', ['system']),
  ],
};
